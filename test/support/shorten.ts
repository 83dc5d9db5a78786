import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ROOT } from "./server.ts";

const SOURCE = join(ROOT, "grafana");
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What a shortened copy is to differ in, beside its times. */
export interface ShortenOptions {
  /** What all times are divided by: 15 makes a slot of 15 s one of 1 s, and an hour four minutes. */
  readonly by: number;
  /** Other texts, such as addresses: `{ "server-1:9010": "127.0.0.1:40123" }`. Each must be there. */
  readonly replace?: Readonly<Record<string, string>>;
}

/**
 * A configuration of Prometheus or Alertmanager, or a file of rules, in which everything lasts a fraction of what it does in
 * production. All that changes, by text:
 *
 * - durations: `[5m]` in an expression, and what stands behind a key such as `interval: 15s`, `for: 2m`, `group_wait: 1s`;
 * - numbers that are followed by the comment `# seconds`.
 *
 * Counts of samples stay, for the interval of evaluation is divided as well. `scrape_timeout` is then longer than the interval,
 * so it is left out. Prometheus itself needs `--query.lookback-delta` divided alike, else what is gone is seen for 5 minutes.
 */
export function shorten(text: string, { by, replace = {} }: ShortenOptions): string {
  const duration = (amount: string, unit: string) => `${Math.round((Number(amount) * (UNITS[unit] ?? 0)) / by)}ms`;
  let shortened = text
    .replace(/^ *scrape_timeout: .*\n/gm, "")
    .replace(/\[(\d+)(ms|s|m|h|d)\]/g, (_, amount: string, unit: string) => `[${duration(amount, unit)}]`)
    .replace(
      /^( *(?:- )?\w+: )(\d+)(ms|s|m|h|d)$/gm,
      (_, key: string, amount: string, unit: string) => key + duration(amount, unit),
    )
    .replace(/\b(\d+(?:\.\d+)?)(?= # seconds$)/gm, (seconds) => String(Number(seconds) / by));
  for (const [from, to] of Object.entries(replace)) {
    if (!shortened.includes(from)) throw new Error(`there is no ${from} to replace`);
    shortened = shortened.replaceAll(from, to);
  }
  return shortened;
}

/**
 * Writes prometheus.yml and its rules, shortened, into a folder. `replace` is for prometheus.yml alone.
 * @returns the path of prometheus.yml
 */
export async function shortenPrometheus(folder: string, { by, replace = {} }: ShortenOptions): Promise<string> {
  const source = join(SOURCE, "prometheus");
  await mkdir(join(folder, "rules"), { recursive: true });
  for (const name of await readdir(join(source, "rules"))) {
    await writeShort(join(source, "rules", name), join(folder, "rules", name), { by });
  }
  return await writeShort(join(source, "prometheus.yml"), join(folder, "prometheus.yml"), { by, replace });
}

/** Writes alertmanager.yml, shortened, into a folder. @returns its path */
export async function shortenAlertmanager(folder: string, options: ShortenOptions): Promise<string> {
  return await writeShort(join(SOURCE, "alertmanager", "alertmanager.yml"), join(folder, "alertmanager.yml"), options);
}

async function writeShort(from: string, to: string, options: ShortenOptions): Promise<string> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, shorten(await readFile(from, "utf8"), options));
  return to;
}
