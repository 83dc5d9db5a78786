/** The dashboards as files: what Grafana asks of them, what the issue lists, and that they are what the code makes. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DASHBOARDS, textOf } from "../../docs/tools/dashboards/write.ts";
import { documented } from "../metrics/document.ts";
import { ROOT } from "../support/server.ts";
import { type Dashboard, dashboardSchema, readDashboard, withQueries } from "./dashboard.ts";
import { readRecordings } from "./files.ts";
import { family, metricsIn } from "./promql.ts";

const FOLDER = join(ROOT, "grafana", "dashboards");
const NAMES = readdirSync(FOLDER).toSorted();
const DATASOURCE = { type: "prometheus", uid: "$" + "{datasource}" };

test("the files are what the code makes: else run bun run dashboards", async () => {
  expect(NAMES.map((name) => `grafana/dashboards/${name}`)).toEqual(Object.keys(DASHBOARDS).toSorted());
  for (const [path, dashboard] of Object.entries(DASHBOARDS)) {
    expect(await Bun.file(join(ROOT, path)).text()).toBe(textOf(dashboard));
  }
});

describe.each(NAMES)("%s", (name) => {
  const read = () => readDashboard(name);

  test("has the form of Grafana's classic model, as version 13 writes it", async () => {
    const result = dashboardSchema.safeParse(await Bun.file(join(FOLDER, name)).json());
    expect(result.error?.issues ?? []).toEqual([]);
    expect(result.data).toMatchObject({ schemaVersion: 42, refresh: "10s", editable: false, id: null });
    expect(result.data?.uid).toMatch(/^[a-z0-9-]{1,40}$/);
  });

  test("has a variable for the data source, which every panel and query uses", async () => {
    const { templating, panels } = await read();
    expect(templating.list).toEqual([
      expect.objectContaining({ name: "datasource", type: "datasource", query: "prometheus", regex: "" }),
    ]);
    for (const panel of withQueries(panels)) {
      expect(panel.datasource).toEqual(DATASOURCE);
      for (const target of panel.targets) expect(target.datasource).toEqual(DATASOURCE);
    }
  });

  test("gives each panel an id and a title of its own, and each query of a panel a letter of its own", async () => {
    const { panels } = await read();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { targets } of withQueries(panels)) {
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  test("puts every panel on the 24 columns, none over another, and leaves no hole above one", async () => {
    const { panels } = await read();
    expect(overlaps(panels)).toEqual([]);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    // Grafana moves a panel up when there is nothing above it: then the file is not what is seen.
    const rows = new Set(panels.flatMap(({ gridPos: { y, h } }) => Array.from({ length: h }, (_, i) => y + i)));
    expect(rows.size).toBe(Math.max(...rows) + 1);
  });

  test("gives every panel that shows data a unit, a description, thresholds and a word for what is not there", async () => {
    for (const panel of withQueries((await read()).panels)) {
      const { unit, thresholds, noValue } = panel.fieldConfig.defaults;
      expect({ title: panel.title, unit }).toEqual({ title: panel.title, unit: expect.stringMatching(/^\w+$/) });
      expect(panel.description).toMatch(/^\S.{20,}\.$/);
      const values = thresholds.steps.map(({ value }) => value);
      expect(values[0]).toBeNull();
      expect(values.slice(1)).toEqual(values.slice(1).toSorted((a, b) => Number(a) - Number(b)));
      if (panel.type !== "timeseries") expect(noValue).toMatch(/./);
    }
  });

  test("asks for metrics that the code has, as docs/metrics.md lists them, for recorded series, or for up", async () => {
    const ours = new Set((await documented()).map(({ name }) => name));
    const recorded = (await readRecordings()).map(({ record }) => record);
    const known = new Set([...ours, ...recorded, "up"]);
    const asked = withQueries((await read()).panels).flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => metricsIn(expr)),
    );
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((metric) => !known.has(family(metric, ours)))).toEqual([]);
  });

  test("shows a single number as it is now, so that what is dead does not show its last good one", async () => {
    const single = withQueries((await read()).panels).filter(({ type }) => type !== "timeseries");
    expect(single.length).toBeGreaterThan(0);
    for (const { targets } of single) {
      for (const { instant, range } of targets) expect({ instant, range }).toEqual({ instant: true, range: false });
    }
  });
});

describe("the error budget's dashboard", () => {
  const read = () => readDashboard("autoheal_oidc_error_budget.json");

  test("has the origin's twelve panels: four numbers, four time series, two burns, alerts, budget", async () => {
    expect((await read()).panels.map(({ type, title }) => `${type}: ${title}`)).toEqual([
      "stat: Autoheal Status",
      "stat: Heartbeat Age",
      "stat: Failure Rate",
      "stat: Audit Write p95",
      "timeseries: Heartbeat",
      "timeseries: Failure rate",
      "timeseries: Availability",
      "timeseries: Latency percentiles",
      "timeseries: Fast burn 14.4×",
      "timeseries: Slow burn 2.4×",
      "stat: Firing burn alerts",
      "bargauge: Error budget left",
    ]);
  });

  test("asks for recorded series alone", async () => {
    const recorded = new Set((await readRecordings()).map(({ record }) => record));
    const asked = withQueries((await read()).panels).flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => metricsIn(expr)),
    );
    expect(asked.length).toBeGreaterThanOrEqual(12);
    expect(asked.filter((metric) => !recorded.has(metric))).toEqual([]);
  });

  test("draws the thresholds of the alerts", async () => {
    const { panels } = await read();
    const last = (title: string) =>
      withQueries(panels)
        .find((panel) => panel.title === title)
        ?.fieldConfig.defaults.thresholds.steps.at(-1)?.value;
    expect(last("Fast burn 14.4×")).toBe(14.4);
    expect(last("Slow burn 2.4×")).toBe(2.4);
    expect(last("Heartbeat Age")).toBe(60);
    expect(last("Failure Rate")).toBe(0.05);
    expect(last("Audit Write p95")).toBe(0.2);
  });
});

test("the check for panels that overlap sees one that does", () => {
  const at = (id: number, x: number, y: number) => ({ id, gridPos: { x, y, w: 4, h: 4 } });
  expect(overlaps([at(1, 0, 0), at(2, 4, 0), at(3, 0, 4)])).toEqual([]);
  expect(overlaps([at(1, 0, 0), at(2, 3, 3)])).toEqual(["1 and 2"]);
});

function overlaps(panels: readonly Pick<Dashboard["panels"][number], "id" | "gridPos">[]): string[] {
  return panels.flatMap(({ id, gridPos: a }, i) =>
    panels
      .slice(i + 1)
      .filter(({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
      .map((other) => `${id} and ${other.id}`),
  );
}
