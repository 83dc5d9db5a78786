/** A Prometheus that was away, and a machine that was off: the same gap in its data, and only one of them is down time. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { until } from "../support/wait.ts";
import { missingTools } from "./tools.ts";
import { World } from "./world.ts";

const missing = missingTools();
/** Half a second is a slot. */
const FASTER = 30;
/** Milliseconds that somebody is away: six slots. */
const AWAY_MS = 3_000;

let world: World;
beforeAll(async () => {
  if (missing.length === 0) world = await World.start(FASTER);
}, 180_000);
afterAll(() => world?.stop(), 30_000);

const value = (expr: string) => world.prometheus?.value(expr);
/** Slots without a server over the whole run, as the error budgets count them. */
const unobserved = () => value("sum_over_time(job:unobserved:slots[12h])");
/** Resolves once a scrape of this Prometheus was evaluated. */
const evaluated = async () => {
  const from = Date.now() / 1_000;
  await until(
    "a new scrape is evaluated",
    20_000,
    async () => ((await value("job:last_scrape_timestamp_seconds")) ?? 0) > from,
  );
};

test.skipIf(missing.length > 0)(
  "a Prometheus that was away charges nothing to a server that ran on; a machine that was off is charged, once it is back",
  async () => {
    await evaluated();
    expect(await unobserved()).toBe(0);

    await world.stopPrometheus();
    await Bun.sleep(AWAY_MS);
    await world.startPrometheus();
    await evaluated();
    expect(await unobserved()).toBe(0);

    await world.stopPrometheus();
    await world.stopServer("SIGKILL");
    await Bun.sleep(AWAY_MS);
    await world.startServer();
    await world.startPrometheus();
    await evaluated();
    // The process knows its start by the second: less than that is not asked for.
    expect(await unobserved()).toBeGreaterThan(2);
    expect(await value('sum_over_time(slo:sli_bad:slots{slo="api_availability"}[12h])')).toBeGreaterThan(2);
  },
  180_000,
);
