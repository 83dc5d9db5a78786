/**
 * Draws docs/error-budget.svg: a server under traffic, killed once and started again, a Prometheus with our rules at a
 * fifth of their times, the error budget dashboard's own queries, and what they found. `bun test/grafana/picture/main.ts`.
 */
import { join } from "node:path";
import { z } from "zod";
import { stopTestServer } from "../../support/postgres.ts";
import { ROOT } from "../../support/server.ts";
import { readDashboard, withQueries } from "../dashboard.ts";
import { World } from "../world.ts";
import { type Drawn, draw } from "./draw.ts";

/** Not more: the heart beats every 5 s, which would be too seldom. */
const FASTER = 5;
/** Milliseconds of traffic before the outage, of the outage, and of traffic after it. */
const BEFORE_MS = 150_000;
const AWAY_MS = 10_000;
const AFTER_MS = 150_000;

const answer = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])).default([]),
        value: z.tuple([z.number(), z.string()]).optional(),
      }),
    ),
  }),
});

const world = await World.start(FASTER);
try {
  const began = Date.now() / 1_000;
  await trafficFor(BEFORE_MS);
  await world.stopServer("SIGKILL");
  await Bun.sleep(AWAY_MS);
  await world.startServer();
  await trafficFor(AFTER_MS);
  const ended = Date.now() / 1_000;
  const panels = withQueries((await readDashboard("autoheal_oidc_error_budget.json")).panels);
  const drawn = await Promise.all(panels.map((panel) => ask(panel, began, ended)));
  const caption = `Drawn by test/grafana/picture from Prometheus' answers to the dashboard's queries; not Grafana. One server, ${Math.round(ended - began)} s, killed once; every window and interval is a fifth of its name.`;
  await Bun.write(join(ROOT, "docs", "error-budget.svg"), draw(drawn, ended - began, caption));
} finally {
  await world.stop();
  await stopTestServer();
}

async function trafficFor(ms: number): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    await world.traffic();
    await Bun.sleep(100);
  }
}

async function ask(panel: Drawn["panel"], start: number, end: number): Promise<Drawn> {
  const results = await Promise.all(
    panel.targets.map(async ({ expr, legendFormat, instant }) => {
      const range = { query: expr, start: String(start), end: String(end), step: "1" };
      const path = instant
        ? `query?${new URLSearchParams({ query: expr })}`
        : `query_range?${new URLSearchParams(range)}`;
      const response = await fetch(`${world.prometheus?.url}/api/v1/${path}`);
      return answer.parse(await response.json()).data.result.map(({ metric, values, value }) => ({
        name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ""),
        points: values.map(([at, text]) => [at - start, Number(text)] as const),
        now: value === undefined ? [] : [Number(value[1])],
      }));
    }),
  );
  const series = results.flat();
  return {
    panel,
    lines: series.map(({ name, points }) => ({ name, points })),
    now: series.flatMap(({ name, now }) => now.map((value) => [name, value] as const)),
  };
}
