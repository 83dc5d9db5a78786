import type { Panel, Place } from "./panel.ts";

/** Of Grafana 13: https://github.com/grafana/grafana/blob/v13.2.3/public/app/features/dashboard/state/DashboardMigrator.ts */
const SCHEMA_VERSION = 42;
const TAG = "aetherlink";

export interface DashboardOptions {
  /** Part of its address; never to be changed. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly panels: readonly (readonly [Panel, Place])[];
}

/** A dashboard as a file that Grafana provisions, and that can also be imported by hand. */
export function dashboard({ uid, title, description, panels }: DashboardOptions) {
  return {
    annotations: { list: [] },
    description,
    // What is provisioned cannot be saved; who wants another one makes a copy.
    editable: false,
    fiscalYearStartMonth: 0,
    graphTooltip: 1,
    id: null,
    links: [
      {
        asDropdown: false,
        icon: "external link",
        includeVars: true,
        keepTime: true,
        tags: [TAG],
        targetBlank: false,
        title: "",
        tooltip: "",
        type: "dashboards",
        url: "",
      },
    ],
    panels: panels.map(([panel, gridPos], index) => ({ id: index + 1, gridPos, ...panel })),
    preload: false,
    refresh: "10s",
    schemaVersion: SCHEMA_VERSION,
    tags: [TAG],
    templating: {
      list: [
        {
          name: "datasource",
          label: "Data source",
          type: "datasource",
          query: "prometheus",
          current: {},
          hide: 0,
          includeAll: false,
          multi: false,
          options: [],
          refresh: 1,
          regex: "",
          skipUrlSync: false,
        },
      ],
    },
    time: { from: "now-6h", to: "now" },
    timepicker: {},
    timezone: "browser",
    title,
    uid,
    version: 1,
    weekStart: "",
  };
}

export type Dashboard = ReturnType<typeof dashboard>;
