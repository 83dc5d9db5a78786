/**
 * Rules and dashboards against the real thing: a server under traffic, scraped by a Prometheus that has the rules loaded. Each query
 * must be understood and find something, or it is written down here why not.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { testBrokers } from "../support/brokers.ts";
import { ROOT } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { readDashboard, withQueries } from "./dashboard.ts";
import { readAlerts, readRecordings } from "./files.ts";
import { metricsIn } from "./promql.ts";
import { missingTools } from "./tools.ts";
import { World } from "./world.ts";

const missing = missingTools();
/** A quarter of a second is a slot. */
const FASTER = 60;
/** Four scrapes and some, for a server that is busy. */
const RATE_INTERVAL = "4s";

/** What finds nothing, and why. */
const WITHOUT_DATA: Readonly<Record<string, string>> = {
  ALERTS: "nothing is wrong",
  ...(testBrokers() === undefined
    ? {
        kafka_consumer_lag_messages: "no Kafka here: the log is in the process",
        kafka_broker_round_trip_seconds: "no Kafka here",
        kafka_brokers_up: "no Kafka here",
        kafka_producer_queue_messages: "no Kafka here",
        kafka_errors_total: "no Kafka here",
      }
    : {}),
};

let world: World;
let isOver = false;
let traffic: Promise<void> | undefined;
beforeAll(async () => {
  if (missing.length > 0) return;
  world = await World.start(FASTER);
  traffic = (async () => {
    while (!isOver) {
      await world.traffic();
      await Bun.sleep(50);
    }
  })();
}, 180_000);
afterAll(async () => {
  isOver = true;
  // What it waits for may never come when a test failed.
  await Promise.race([traffic?.catch(() => {}), Bun.sleep(5_000)]);
  await world?.stop();
}, 30_000);

const query = async (expr: string) => {
  if (world.prometheus === undefined) throw new TypeError("there is no Prometheus");
  return await world.prometheus.query(expr);
};
/** Whether it is written down that the expression finds nothing. */
const excused = (expr: string) => metricsIn(expr).some((name) => name in WITHOUT_DATA);

/** Asks until each has found something; what is left in the end is what never did. */
async function unanswered(exprs: readonly string[]): Promise<string[]> {
  let left = exprs.filter((expr) => !excused(expr));
  await until("every query finds something", 60_000, async () => {
    const found = await Promise.all(left.map(async (expr) => [expr, (await query(expr)).length] as const));
    left = found.flatMap(([expr, count]) => (count === 0 ? [expr] : []));
    return left.length === 0;
  }).catch(() => {});
  return left;
}

test.skipIf(missing.length > 0)(
  "every rule is evaluated without an error",
  async () => {
    const schema = z.object({
      data: z.object({
        groups: z.array(
          z.object({
            rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })),
          }),
        ),
      }),
    });
    const read = async () => {
      const response = await fetch(`${world.prometheus?.url}/api/v1/rules`);
      return schema.parse(await response.json()).data.groups.flatMap(({ rules }) => rules);
    };
    await until("all are evaluated", 60_000, async () => (await read()).every(({ health }) => health !== "unknown"));
    const rules = await read();
    expect(rules).toHaveLength((await readRecordings()).length + (await readAlerts()).length);
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
  },
  120_000,
);

test.skipIf(missing.length > 0)(
  "every recorded series and every metric that an alert reads has a value",
  async () => {
    const recorded = (await readRecordings()).map(({ record, labels }) =>
      labels.slo === undefined ? record : `${record}{slo="${labels.slo}"}`,
    );
    const read = (await readAlerts()).flatMap(({ expr }) => metricsIn(expr));
    expect(await unanswered([...new Set([...recorded, ...read])])).toEqual([]);
  },
  120_000,
);

test.skipIf(missing.length > 0).each(readdirSync(join(ROOT, "grafana", "dashboards")))(
  "every query of %s finds something, with the labels that its legend names",
  async (name) => {
    const panels = withQueries((await readDashboard(name)).panels);
    const queries = panels.flatMap(({ targets }) =>
      targets.map(({ expr, legendFormat }) => ({
        expr: expr.replaceAll("$__rate_interval", RATE_INTERVAL),
        labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
      })),
    );
    expect(await unanswered(queries.map(({ expr }) => expr))).toEqual([]);
    for (const { expr, labels } of queries) {
      for (const { metric } of await query(expr)) {
        expect({ expr, labels: labels.filter((label) => metric[label] === undefined) }).toEqual({ expr, labels: [] });
      }
    }
  },
  120_000,
);
