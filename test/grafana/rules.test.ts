/** The rules of Prometheus and the configuration of Alertmanager: what their own tools say, and what ties them to the rest. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseRules } from "../../src/autoheal/rules.ts";
import { documented } from "../metrics/document.ts";
import { ROOT } from "../support/server.ts";
import { GRAFANA, PROMETHEUS, readAlerts, readRecordings, readYaml } from "./files.ts";
import { family, metricsIn } from "./promql.ts";
import { missingTools, run } from "./tools.ts";

const UNIT_TESTS = readdirSync(join(PROMETHEUS, "tests")).toSorted();
/** Of Prometheus itself. */
const FOREIGN = new Set(["up", "ALERTS", "prometheus_rule_evaluation_failures_total"]);
/** Less collecting of garbage: a quarter of the time is saved. */
const QUICK = { GOGC: "400" };
const LEVELS = ["heartbeat", "delivery", "api_availability", "api_latency"];

describe.skipIf(missingTools().length > 0)("by their own tools", () => {
  let results: Map<string, { code: number; output: string }>;
  // Together: each is one process, and they take seconds.
  beforeAll(async () => {
    const tests = UNIT_TESTS.map(async (file) => {
      return [file, await run(["promtool", "test", "rules", file], join(PROMETHEUS, "tests"), QUICK)] as const;
    });
    results = new Map(await Promise.all(tests));
  }, 300_000);

  test("promtool takes prometheus.yml and every rule in it", async () => {
    const { code, output } = await run(["promtool", "check", "config", "prometheus.yml"], PROMETHEUS);
    expect(output).toContain("SUCCESS: 3 rule files found");
    expect(code).toBe(0);
  });

  test.each(UNIT_TESTS)("promtool passes the unit tests of %s", (file) => {
    expect(results.get(file)).toEqual({ code: 0, output: expect.stringContaining("SUCCESS") });
  });

  test("amtool takes alertmanager.yml", async () => {
    const { code, output } = await run(["amtool", "check-config", join(GRAFANA, "alertmanager", "alertmanager.yml")]);
    expect(output).toContain("SUCCESS");
    expect(code).toBe(0);
  });

  test("Alertmanager sends every alert to autoheal", async () => {
    const routes = (...labels: string[]) =>
      run([
        "amtool",
        "config",
        "routes",
        "test",
        `--config.file=${join(GRAFANA, "alertmanager", "alertmanager.yml")}`,
        ...labels,
      ]);
    for (const { alert, labels } of await readAlerts()) {
      expect((await routes(`alertname=${alert}`, `severity=${labels.severity}`)).output).toMatch(/^autoheal$/m);
    }
  });
});

test("the unit tests show each alert firing, and all of them show others that do not", async () => {
  const schema = z.object({
    tests: z.array(
      z.object({
        promql_expr_test: z
          .array(
            z.object({ expr: z.string(), exp_samples: z.array(z.object({ labels: z.string(), value: z.number() })) }),
          )
          .default([]),
      }),
    ),
  });
  const firing = new Set<string>();
  const silent = new Set<string>();
  for (const file of UNIT_TESTS) {
    for (const { promql_expr_test } of schema.parse(await readYaml(join(PROMETHEUS, "tests", file))).tests) {
      for (const { expr, exp_samples } of promql_expr_test.filter(({ expr }) => expr.includes("ALERTS"))) {
        const named = /alertname="(\w+)"/.exec(expr)?.[1];
        if (exp_samples.length === 0) silent.add(named ?? "all");
        for (const { labels } of exp_samples) firing.add(/alertname="(\w+)"/.exec(labels)?.[1] ?? named ?? "");
      }
    }
  }
  const names = (await readAlerts()).map(({ alert }) => alert);
  expect(names.filter((name) => !firing.has(name))).toEqual([]);
  expect(silent).toContain("all");
});

test("each alert says how bad it is, what it is and what to do, and stands in the table of docs/operations.md", async () => {
  const guide = await Bun.file(join(ROOT, "docs", "operations.md")).text();
  const section = guide.split("\n## ").find((part) => part.startsWith("Alerts\n")) ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (critical|warning) \|/gm)].map(
    ([, name, severity]) => `${name} ${severity}`,
  );
  const alerts = await readAlerts();
  expect(rows.toSorted()).toEqual(alerts.map(({ alert, labels }) => `${alert} ${labels.severity}`).toSorted());
  for (const { annotations } of alerts) {
    expect(annotations.runbook).toBe("docs/operations.md#alerts");
    expect(annotations.summary).toMatch(/^\S.{10,}\.$/);
    expect(annotations.description).toMatch(/^\S.{10,}[.?]$/);
  }
});

test("autoheal.json names only alerts that exist", async () => {
  const names = (await readAlerts()).map(({ alert }) => alert);
  const { rules } = parseRules(await Bun.file(join(ROOT, "autoheal.json")).text());
  const named = rules.flatMap((rule) => ("alert" in rule ? [rule.alert] : []));
  expect(named).toContain("OutboxBacklogOld");
  expect(named.filter((name) => !names.includes(name))).toEqual([]);
});

test("every metric that a rule reads is one of ours, as docs/metrics.md lists them, a recorded one, or Prometheus' own", async () => {
  const recordings = await readRecordings();
  const alerts = await readAlerts();
  const recorded = new Set(recordings.map(({ record }) => record));
  const ours = new Set((await documented()).map(({ name }) => name));
  const read = new Set([...recordings, ...alerts].flatMap(({ expr }) => metricsIn(expr)));
  expect(read.size).toBeGreaterThan(40);
  const unknown = [...read].filter(
    (name) => !recorded.has(name) && !FOREIGN.has(name) && !ours.has(family(name, ours)),
  );
  expect(unknown).toEqual([]);
});

test("the windows of the burn rates differ in nothing but their length and its number of slots", async () => {
  const recordings = await readRecordings();
  const of = (window: string, slots: number) =>
    recordings
      .filter(({ record }) => /^slo:(?!availability)/.test(record) && record.endsWith(window))
      .filter(({ record }) => new RegExp(`(?:increase|rate)${window}$`).test(record))
      .map(({ record, expr, labels }) =>
        JSON.stringify({ record, expr, labels })
          .replaceAll(new RegExp(`(?<=increase|rate|\\[)${window}(?=\\W)`, "g"), "W")
          .replace(`, ${slots})`, ", N)"),
      );
  const five = of("5m", 20);
  expect(five).toHaveLength(9);
  expect(of("30m", 120)).toEqual(five);
  expect(of("1h", 240)).toEqual(five);
  expect(of("6h", 1_440)).toEqual(five);
});

test("each service level has its slots, events, burn rates and budget", async () => {
  const recordings = await readRecordings();
  const levels = (record: string) =>
    recordings.filter((rule) => rule.record === record).map(({ labels }) => labels.slo);
  expect(levels("slo:sli_bad:slots")).toEqual(LEVELS);
  for (const series of ["slo:sli_events:increase1h", "slo:sli_errors:increase1h"]) {
    expect(levels(series)).toEqual(LEVELS.slice(1));
  }
  expect(levels("slo:error_budget_remaining:ratio_rate30d")).toHaveLength(1);
});
