/**
 * The compiled binary: its size, time from start to ready against a running PostgreSQL (with the in-process log, and with
 * Kafka where KAFKA_BROKERS is set) and in an empty folder, and memory at rest.
 * `bun bench/binary.ts [rounds]`; prints a Markdown table and keeps it in binary.md.
 */
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinary } from "../src/binary/build.ts";
import { EmbeddedPostgres } from "../src/db/embedded/index.ts";
import { RunningServer } from "../test/support/server.ts";

const ROUNDS = Number(Bun.argv[2] ?? 9);
const REST_MS = 5_000;

const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
await chmod(folder, 0o755);
const postgres = new EmbeddedPostgres({ dataDir: join(folder, "database"), log: { info() {}, warn() {} } });
try {
  const binary = join(folder, "aetherlink");
  const bytes = await buildBinary({ outfile: binary, postgres: true });
  const { url } = await postgres.start();
  const variants: [string, Record<string, string>][] = [["in-process log", { DATABASE_URL: url }]];
  const brokers = process.env.KAFKA_BROKERS;
  if (brokers) {
    variants.push([
      "Kafka",
      { DATABASE_URL: url, KAFKA_BROKERS: brokers, KAFKA_TOPIC: `bench-${crypto.randomUUID()}` },
    ]);
  }
  const rows = [["size (MB)", (bytes / 1e6).toFixed(1), "150"]];
  for (const [name, env] of variants) {
    const measured: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) measured.push(await measure(binary, folder, env));
    rows.push(
      [`start → ready, PostgreSQL running, ${name} (ms)`, spread(measured.map(({ readyMs }) => readyMs)), "500"],
      [`memory at rest, ${name} (RSS, MB)`, spread(measured.map(({ restMb }) => restMb)), "110"],
    );
  }
  const empty: number[] = [];
  for (let round = 0; round < 3; round++) empty.push(await inEmptyFolder(binary));
  rows.push(["start → ready in an empty folder, with its own PostgreSQL made (ms)", spread(empty), "–"]);
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), Bun ${Bun.version}`;
  const table = [
    "# The binary",
    "",
    `\`bun bench/binary.ts\`, ${ROUNDS} rounds, ${new Date().toISOString().slice(0, 10)}, ${machine}. Median (lowest – highest).`,
    "",
    "| what | measured | bar |",
    "| --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
  process.stdout.write(table);
  await Bun.write(join(import.meta.dir, "binary.md"), table);
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

interface Measured {
  readonly readyMs: number;
  readonly restMb: number;
}

async function measure(binary: string, cwd: string, env: Record<string, string>): Promise<Measured> {
  const began = performance.now();
  const server = await start(binary, cwd, env);
  const readyMs = performance.now() - began;
  await Bun.sleep(REST_MS);
  const status = await readFile(`/proc/${server.process.pid}/status`, "utf8");
  await server.stop();
  return { readyMs, restMb: (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024) / 1e6 };
}

async function inEmptyFolder(binary: string): Promise<number> {
  const empty = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
  await chmod(empty, 0o755);
  try {
    await cp(binary, join(empty, "aetherlink"));
    const began = performance.now();
    const server = await start(join(empty, "aetherlink"), empty, {});
    const ms = performance.now() - began;
    await server.stop();
    return ms;
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

/** Resolves when it is ready. Nothing of this process's environment is passed on. */
async function start(binary: string, cwd: string, env: Record<string, string>): Promise<RunningServer> {
  const variables = Object.entries({ PATH: "/nonexistent", PORT: "0", LOG_FORMAT: "json", ...env });
  const command = ["/usr/bin/env", "-i", ...variables.map((pair) => pair.join("=")), binary];
  return await new RunningServer({ command, cwd }).ready();
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, median, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${median?.toFixed(0)} (${low?.toFixed(0)} – ${high?.toFixed(0)})`;
}
