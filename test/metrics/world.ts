import type { Registry } from "prom-client";
import { AutohealMetrics } from "../../src/autoheal/metrics.ts";
import { watchPool } from "../../src/db/metrics.ts";
import { OutboxStatus } from "../../src/outbox/index.ts";
import { AllSeries } from "../../src/series.ts";
import type { TestDatabase } from "../support/postgres.ts";

/** One series of a scrape, as `name{labels}` without its value. */
export function seriesOf(text: string): string[] {
  return linesOf(text).map((line) => line.replace(/ \S+$/, ""));
}

/** The value of a series; undefined where there is none. */
export function sampleOf(text: string, series: string): number | undefined {
  const line = linesOf(text).find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** What the server's parts register, all of it: those with Kafka, autoheal's and the pool's too, on a database of a test. */
export function allSeries(db: TestDatabase): AllSeries {
  const series = new AllSeries(true, "abc1234");
  new AutohealMetrics(series.registry);
  watchPool(series.registry, db.sql);
  series.outbox.watch(new OutboxStatus(db.sql, { state: "leading" }));
  series.stream.watch({ clientCount: 0 });
  series.kafka?.watch({ lag: () => 0 });
  return series;
}

/** What a registry has, as metrics rather than as series. */
export async function metricsOf(
  registry: Registry,
): Promise<{ name: string; type: string; help: string; labels: string[] }[]> {
  const all = await registry.getMetricsAsJSON();
  const labels = new Map(
    registry.getMetricsAsArray().map((metric) => {
      // prom-client keeps a metric's label names, and its types do not say so.
      const names: unknown = Reflect.get(metric, "labelNames");
      return [metric.name, Array.isArray(names) ? names.map(String) : []] as const;
    }),
  );
  return all
    .map(({ name, type, help }) => ({ name, type: String(type), help, labels: labels.get(name) ?? [] }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
