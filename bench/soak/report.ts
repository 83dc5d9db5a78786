import { cpus, totalmem } from "node:os";
import type { Verdict } from "../../test/chaos/verdict.ts";
import { line } from "../harness/stats.ts";

/** What one minute was like. */
export interface Sample {
  readonly minute: number;
  /** Memory of the server's process, lowest and median of the minute, in MB of 2^20 bytes. */
  readonly lowestMb: number;
  readonly medianMb: number;
  readonly databaseMb: number;
  readonly requests: number;
  /** Since the beginning. */
  readonly failed: number;
  readonly events: number;
  /** Milliseconds from when a request was due. */
  readonly p50: number;
  readonly p99: number;
  readonly cores: number;
  /** Load average of the machine. */
  readonly load: number;
}

export interface Account {
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Events that were not published at the end. */
  readonly waiting: number;
  readonly reconnects: number;
  readonly resets: number;
  readonly verdict: Verdict;
  /** Requests a second of the same mix as fast as it went. */
  readonly capacity: number;
}

interface Soak {
  readonly minutes: number;
  readonly perSecond: number;
  readonly streams: number;
  readonly samples: readonly Sample[];
  readonly account: Account;
  /** Lines of the server's log from warning on. */
  readonly warnings: readonly string[];
}

/** Minutes at the beginning that the slope leaves out: caches and the compiler of the engine fill up. */
const WARM_UP = 10;

/** The record as Markdown. */
export function report({ minutes, perSecond, streams, samples, account, warnings }: Soak): string {
  const { verdict, capacity } = account;
  const from = Math.min(WARM_UP, minutes / 3);
  const steady = samples.filter(({ minute }) => minute > from);
  const slope = (of: (sample: Sample) => number) => {
    const { slope, error } = line(steady.map((sample) => [sample.minute / 60, of(sample)]));
    return `${slope.toFixed(1)} ± ${(2 * error).toFixed(1)}`;
  };
  const every = Math.max(1, Math.round(minutes / 20));
  const shown = samples.filter(({ minute }) => minute === 1 || minute % every === 0);
  const share = Math.round((100 * perSecond) / capacity);
  const requests = samples.reduce((sum, sample) => sum + sample.requests, 0);
  return [
    "# Soak",
    "",
    `\`bun bench/soak.ts ${minutes} ${perSecond} ${streams}\`, ${new Date().toISOString().slice(0, 10)}, ${machine()}; PostgreSQL 18 with fsync, Apache Kafka, load and streams on the same machine, which others worked on at the same time.`,
    `${perSecond} requests a second (half POST, a fifth PATCH, a fifth GET by id, DELETE and lists a twentieth each) of 20 tenants, ${streams} streams open. The same mix as fast as it went just before: ${Math.round(capacity)} a second, so this is ${share} % of it.`,
    "",
    "| what | measured | bar |",
    "| --- | --- | --- |",
    `| memory of the server, lowest of each minute, slope after the first ${from.toFixed(0)} minutes (MB an hour, ± twice its standard error) | ${slope((s) => s.lowestMb)} | 1 |`,
    `| the same by the median of each minute | ${slope((s) => s.medianMb)} | |`,
    `| requests / answered otherwise than expected | ${requests.toLocaleString("en")} / ${account.failed} | 0 |`,
    `| events committed / not published at the end | ${verdict.events.toLocaleString("en")} / ${account.waiting} | 0 |`,
    `| lost: acknowledged and not committed, committed and not in Kafka or not on the stream | ${verdict.lost.length} | 0 |`,
    `| on the stream twice / out of order / never committed | ${verdict.repeated.length} / ${verdict.reordered.length} / ${verdict.uncommitted.length} | 0 |`,
    `| in Kafka twice (at least once is promised there) | ${verdict.topicRepeats} | |`,
    `| streams that ended by age and came back / that lost their place | ${account.reconnects} / ${account.resets} | / 0 |`,
    `| lines of the log from warning on | ${warnings.length} | 0 |`,
    "",
    "| minute | memory, lowest (MB) | median (MB) | database (MB) | requests | p50 (ms) | p99 (ms) | cores | load average |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...shown.map(
      (s) =>
        `| ${s.minute} | ${s.lowestMb.toFixed(1)} | ${s.medianMb.toFixed(1)} | ${s.databaseMb.toFixed(0)} | ${s.requests} | ${s.p50.toFixed(1)} | ${s.p99.toFixed(1)} | ${s.cores.toFixed(2)} | ${s.load.toFixed(1)} |`,
    ),
    ...list(
      "Answers that were not expected:",
      Object.entries(account.failures).map(([what, n]) => `${n}× ${what}`),
    ),
    ...list(
      "Warnings, the first ten:",
      warnings.slice(0, 10).map((line) => `\`${line.slice(0, 300)}\``),
    ),
    "",
  ].join("\n");
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, "", ...lines.map((line) => `- ${line}`)];
}

function machine(): string {
  return `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Bun ${Bun.version}`;
}
