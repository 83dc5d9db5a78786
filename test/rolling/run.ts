import { until } from "../support/wait.ts";
import { Watcher } from "./watcher.ts";
import { Replicas } from "./world.ts";
import { Writers } from "./writers.ts";

export interface RollingOptions {
  /** Of both servers: database and brokers. */
  readonly env: Record<string, string>;
  /** Default: from sources. */
  readonly command?: string[];
  /** Writes a second, half of them through each proxy. */
  readonly rate: number;
  /** Streams, half of them through each proxy. */
  readonly streams: number;
  /** Milliseconds of load before and after the restart. */
  readonly aroundMs: number;
}

export interface RollingResult {
  readonly writes: number;
  readonly failures: string[];
  /** Milliseconds of each write's answer, in order of size. */
  readonly latencies: number[];
  /** Of all streams: what was missed, repeated or refused. */
  readonly faults: string[];
  /** Events that each stream has seen. */
  readonly seen: number[];
  readonly reconnects: number[];
  /** Milliseconds that each server took to stop. */
  readonly stops: number[];
  /** What nginx complained of. */
  readonly complaints: string;
}

/** Restarts two servers one after the other under load; both are up again at the end, and every stream had its time. */
export async function rollingRestart({
  env,
  command,
  rate,
  streams,
  aroundMs,
}: RollingOptions): Promise<RollingResult> {
  const replicas = await new Replicas(env, command).start();
  const watchers = Array.from({ length: streams }, (_, i) => new Watcher(replicas.urls[i % 2] ?? ""));
  const writers = replicas.urls.map((url) => new Writers(url, rate / 2));
  const sent = () => writers.reduce((sum, writer) => sum + writer.sent, 0);
  try {
    await Promise.all(watchers.map((watcher) => watcher.start()));
    for (const writer of writers) writer.start();
    await Bun.sleep(aroundMs);
    const stops = await replicas.restart();
    await Bun.sleep(aroundMs);
    await Promise.all(writers.map((writer) => writer.stop()));
    const failures = writers.flatMap((writer) => writer.failures);
    // Those that see less than was written say so by what they have seen.
    await until("every stream has seen every event", 20_000, () =>
      watchers.every(({ seen }) => seen >= sent() - failures.length),
    ).catch(() => {});
    return {
      writes: sent(),
      failures,
      latencies: writers.flatMap(({ latencies }) => latencies).toSorted((a, b) => a - b),
      faults: watchers.flatMap(({ faults }) => faults),
      seen: watchers.map(({ seen }) => seen),
      reconnects: watchers.map(({ reconnects }) => reconnects),
      stops,
      complaints: await replicas.complaints(),
    };
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
    await Promise.all(watchers.map((watcher) => watcher.stop()));
    await replicas.stop();
  }
}
