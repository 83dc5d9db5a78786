/**
 * Panels of a dashboard of Grafana, with what every panel of ours has in common.
 * Format: https://grafana.com/docs/grafana/v13.2/visualizations/dashboards/build-dashboards/view-dashboard-json-model/ (classic),
 * panels' options as Grafana 13.2 writes them.
 */

/** The data source that the reader of a dashboard picks. */
const DATASOURCE = { type: "prometheus", uid: "$" + "{datasource}" } as const;
const PLUGIN_VERSION = "13.2.3";

/** Names of Grafana: https://github.com/grafana/grafana/blob/v13.2.3/packages/grafana-data/src/valueFormats/categories.ts */
export type Unit = "none" | "short" | "s" | "percentunit" | "reqps" | "cps" | "bytes" | "dtdurations" | "bool_yes_no";
type Color = "green" | "yellow" | "orange" | "red" | "blue" | "text";

/** A colour from a value on; the first is for all below the second. */
export type Steps = readonly [Color, ...(readonly [from: number, color: Color])[]];

export interface Query {
  readonly expr: string;
  /** May name labels: `{{slo}}`. */
  readonly legend: string;
}

export interface PanelOptions {
  readonly title: string;
  /** What is seen and when to worry. */
  readonly description: string;
  readonly unit: Unit;
  readonly steps: Steps;
  readonly queries: readonly [Query, ...Query[]];
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
}

/** Where a panel stands on the grid of 24 columns. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** A panel that has no place yet. */
export type Panel = Readonly<Record<string, unknown>> & { readonly type: string; readonly title: string };

/** A number as it is now: never the last of those that were, so that what is dead shows nothing. */
export function stat(
  options: PanelOptions & {
    /** Words in place of values. */
    readonly words?: Readonly<Record<number, readonly [text: string, color: Color]>>;
    /** Shown where there is no value. */
    readonly none?: string;
  },
): Panel {
  const { words = {}, none = "no data" } = options;
  const mapped = Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }] as const);
  return {
    ...common("stat", options, true),
    fieldConfig: {
      defaults: {
        ...defaults(options),
        color: { mode: "thresholds" },
        mappings: mapped.length === 0 ? [] : [{ type: "value", options: Object.fromEntries(mapped) }],
        noValue: none,
      },
      overrides: [],
    },
    options: {
      colorMode: "background",
      graphMode: "none",
      justifyMode: "auto",
      orientation: "auto",
      percentChangeColorMode: "standard",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      showPercentChange: false,
      textMode: options.queries.length === 1 && !options.queries[0].legend.includes("{{") ? "value" : "value_and_name",
      wideLayout: true,
    },
  };
}

/** A bar for each series, as it is now. */
export function bars(options: PanelOptions): Panel {
  return {
    ...common("bargauge", options, true),
    fieldConfig: {
      defaults: { ...defaults(options), color: { mode: "thresholds" }, mappings: [], noValue: "no data" },
      overrides: [],
    },
    options: {
      displayMode: "basic",
      legend: { calcs: [], displayMode: "list", placement: "bottom", showLegend: false },
      maxVizHeight: 300,
      minVizHeight: 16,
      minVizWidth: 8,
      namePlacement: "auto",
      orientation: "horizontal",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      showUnfilled: true,
      sizing: "auto",
      valueMode: "color",
    },
  };
}

/** Lines over time. Where nothing was known there is a gap, not a line. */
export function lines(
  options: PanelOptions & {
    /** Whether the thresholds are drawn. */
    readonly limits?: boolean;
    readonly stacked?: boolean;
    readonly logarithmic?: boolean;
  },
): Panel {
  const { limits = false, stacked = false, logarithmic = false } = options;
  return {
    ...common("timeseries", options, false),
    fieldConfig: {
      defaults: {
        ...defaults(options),
        color: { mode: "palette-classic" },
        custom: {
          axisBorderShow: false,
          axisCenteredZero: false,
          axisColorMode: "text",
          axisLabel: "",
          axisPlacement: "auto",
          barAlignment: 0,
          drawStyle: "line",
          fillOpacity: stacked ? 30 : 8,
          gradientMode: "none",
          hideFrom: { legend: false, tooltip: false, viz: false },
          insertNulls: false,
          lineInterpolation: "linear",
          lineWidth: 1,
          pointSize: 4,
          scaleDistribution: logarithmic ? { type: "log", log: 10 } : { type: "linear" },
          showPoints: "auto",
          spanNulls: false,
          stacking: { group: "A", mode: stacked ? "normal" : "none" },
          thresholdsStyle: { mode: limits ? "dashed" : "off" },
        },
        mappings: [],
      },
      overrides: [],
    },
    options: {
      legend: { calcs: ["lastNotNull", "max"], displayMode: "table", placement: "bottom", showLegend: true },
      tooltip: { hideZeros: false, mode: "multi", sort: "desc" },
    },
  };
}

/** A heading over the panels that follow. */
export function row(title: string): Panel {
  return { type: "row", title, collapsed: false, panels: [] };
}

function common(type: string, { title, description, queries }: PanelOptions, instant: boolean) {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    pluginVersion: PLUGIN_VERSION,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATASOURCE,
      editorMode: "code",
      expr,
      legendFormat: legend,
      instant,
      range: !instant,
    })),
  };
}

function defaults({ unit, steps, decimals, min, max }: PanelOptions) {
  const [base, ...rest] = steps;
  return {
    unit,
    ...(decimals === undefined ? {} : { decimals }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    thresholds: {
      mode: "absolute",
      steps: [{ color: base, value: null }, ...rest.map(([value, color]) => ({ color, value }))],
    },
  };
}
