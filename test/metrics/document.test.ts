/** docs/metrics.md is held against what the parts register, and that against what Prometheus asks of names. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { documented, rowOf } from "./document.ts";
import { allSeries, metricsOf } from "./world.ts";

let db: TestDatabase;
let metrics: Awaited<ReturnType<typeof metricsOf>>;
let text: string;
beforeAll(async () => {
  db = await testDatabase();
  const { registry } = allSeries(db);
  metrics = await metricsOf(registry);
  text = await registry.metrics();
});
afterAll(() => db.drop());

test("the table of docs/metrics.md is what the parts register: names, types, labels, help", async () => {
  expect((await documented()).map(rowOf)).toEqual(metrics.map(rowOf));
});

/** A base unit, or what is counted. Source: https://prometheus.io/docs/practices/naming/ */
const UNIT =
  /_(seconds|bytes|messages|events|letters|aggregates|clients|connections|fds|info|backlog|up|waiting|leader|open)$/;

test("every name carries its unit, counters end in _total, and every help text is a sentence", () => {
  for (const { name, type, help } of metrics) {
    const unit = type === "counter" ? /_total$/ : UNIT;
    expect([name, unit.test(name)]).toEqual([name, true]);
    expect([name, /_(ms|milliseconds|minutes|hours|percent|kb|mb)(_|$)/.test(name)]).toEqual([name, false]);
    expect([name, /^[A-Z1].{12,}\.$/.test(help)]).toEqual([name, true]);
  }
});

test.skipIf(Bun.which("promtool") === null && process.env.CI !== "true")(
  "promtool finds nothing wrong with a scrape",
  async () => {
    const promtool = Bun.spawn(["promtool", "check", "metrics"], {
      stdin: new Blob([text]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await new Response(promtool.stderr).text();
    expect(said).toBe("");
    expect(await promtool.exited).toBe(0);
  },
);
