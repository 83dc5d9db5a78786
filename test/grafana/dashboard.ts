import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "../support/server.ts";

const color = z.enum(["green", "yellow", "orange", "red", "blue", "text"]);
const datasource = z.strictObject({ type: z.string(), uid: z.string() });
const gridPos = z.strictObject({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
});
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]$/),
  datasource,
  editorMode: z.literal("code"),
  expr: z.string().min(1),
  legendFormat: z.string().min(1),
  instant: z.boolean(),
  range: z.boolean(),
});
const fieldDefaults = z.strictObject({
  unit: z.enum(["none", "short", "s", "percentunit", "reqps", "cps", "bytes", "dtdurations", "bool_yes_no"]),
  decimals: z.int().min(0).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  noValue: z.string().optional(),
  color: z.strictObject({ mode: z.enum(["thresholds", "palette-classic"]) }),
  custom: z.record(z.string(), z.unknown()).optional(),
  mappings: z.array(
    z.strictObject({
      type: z.literal("value"),
      options: z.record(z.string(), z.strictObject({ text: z.string(), color, index: z.int() })),
    }),
  ),
  thresholds: z.strictObject({
    mode: z.literal("absolute"),
    steps: z.array(z.strictObject({ color, value: z.number().nullable() })).min(1),
  }),
});
const queried = z.strictObject({
  id: z.int().positive(),
  type: z.enum(["stat", "timeseries", "bargauge"]),
  title: z.string().min(1),
  description: z.string(),
  datasource,
  gridPos,
  pluginVersion: z.string(),
  fieldConfig: z.strictObject({ defaults: fieldDefaults, overrides: z.array(z.never()) }),
  options: z.record(z.string(), z.unknown()),
  targets: z.array(target).min(1),
});
const heading = z.strictObject({
  id: z.int().positive(),
  type: z.literal("row"),
  title: z.string().min(1),
  collapsed: z.literal(false),
  panels: z.array(z.never()),
  gridPos,
});

/**
 * The classic model as far as we use it; anything else is a slip of the pen.
 * Source: https://grafana.com/docs/grafana/v13.2/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
 * and https://github.com/grafana/grafana/blob/v13.2.3/kinds/dashboard/dashboard_kind.cue
 */
export const dashboardSchema = z.strictObject({
  annotations: z.strictObject({ list: z.array(z.never()) }),
  description: z.string(),
  editable: z.boolean(),
  fiscalYearStartMonth: z.literal(0),
  graphTooltip: z.literal([0, 1, 2]),
  id: z.null(),
  links: z.array(z.looseObject({ type: z.enum(["dashboards", "link"]), title: z.string() })),
  panels: z.array(z.discriminatedUnion("type", [queried, heading])).min(1),
  preload: z.boolean(),
  refresh: z.string(),
  schemaVersion: z.int(),
  tags: z.array(z.string()),
  templating: z.strictObject({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  timepicker: z.strictObject({}),
  timezone: z.enum(["browser", "utc"]),
  title: z.string(),
  uid: z.string(),
  version: z.int(),
  weekStart: z.string(),
});

export type Dashboard = z.output<typeof dashboardSchema>;
export type QueriedPanel = z.output<typeof queried>;

/** A file of grafana/dashboards, by its name. */
export async function readDashboard(name: string): Promise<Dashboard> {
  return dashboardSchema.parse(await Bun.file(join(ROOT, "grafana", "dashboards", name)).json());
}

/** Those that are no headings. */
export function withQueries(panels: Dashboard["panels"]): QueriedPanel[] {
  return panels.flatMap((panel) => (panel.type === "row" ? [] : [panel]));
}
