/**
 * A rolling restart of two replicas, compiled, behind nginx: 500 writes a second and 200 open streams, half of them
 * through a proxy that keeps its connections to the servers and half through one that does not. Needs KAFKA_TEST_BROKERS
 * and nginx. `bun bench/rolling.ts [writes/s] [streams] [rounds]`; prints Markdown and keeps it in rolling.md.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinary } from "../src/binary/build.ts";
import { EmbeddedPostgres } from "../src/db/embedded/index.ts";
import { rollingRestart } from "../test/rolling/run.ts";

const [rate = 500, streams = 200, rounds = 3] = Bun.argv.slice(2).map(Number);
const brokers = process.env.KAFKA_TEST_BROKERS;
if (!brokers) throw new Error("KAFKA_TEST_BROKERS must name a broker");

const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
await chmod(folder, 0o755);
const postgres = new EmbeddedPostgres({ dataDir: join(folder, "database"), log: { info() {}, warn() {} } });
try {
  const binary = join(folder, "aetherlink");
  await buildBinary({ outfile: binary, postgres: false });
  const { url } = await postgres.start();
  const rows: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    const result = await rollingRestart({
      env: { DATABASE_URL: url, KAFKA_BROKERS: brokers, KAFKA_TOPIC: `rolling-${crypto.randomUUID()}` },
      command: [binary, "serve"],
      rate,
      streams,
      aroundMs: 3_000,
    });
    const { writes, failures, faults, seen, latencies, stops, reconnects } = result;
    const missed = seen.filter((count) => count !== writes - failures.length).length;
    const at = (quantile: number) => (latencies[Math.floor(quantile * (latencies.length - 1))] ?? 0).toFixed(0);
    const cells = [
      round,
      writes,
      failures.length,
      `${missed} / ${faults.length}`,
      reconnects.reduce((sum, count) => sum + count, 0),
      `${at(0.5)} / ${at(0.99)} / ${at(1)}`,
      stops.map((ms) => ms.toFixed(0)).join(", "),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
    process.stdout.write(
      `${rows.at(-1)}\n${[...failures, ...faults]
        .slice(0, 3)
        .map((line) => `  ${line}\n`)
        .join("")}`,
    );
  }
  const table = [
    "# Rolling restart",
    "",
    `\`bun bench/rolling.ts\`, ${rate} writes/s, ${streams} streams, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}) for both servers, nginx, PostgreSQL, Kafka and the load, Bun ${Bun.version}.`,
    "Bar: no failed write, no stream that misses or repeats an event.",
    "",
    "| round | writes | failed | streams with a gap or repeat / faults | reconnects | write, p50 / p99 / max (ms) | stop of each (ms) |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
  await Bun.write(join(import.meta.dir, "rolling.md"), table);
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
