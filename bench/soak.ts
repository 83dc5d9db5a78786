/**
 * Mixed load on a whole server for a long time: is memory flat, is anything lost? Needs KAFKA_TEST_BROKERS and kcat.
 * `bun bench/soak.ts [minutes] [requests/s] [streams]`; prints Markdown, and keeps it with all samples in soak.md and
 * soak.json when it ran for an hour.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import { RunningServer } from "../test/support/server.ts";
import { Child } from "./harness/child.ts";
import { Database } from "./harness/database.ts";
import { cpuSeconds, memoryMb } from "./harness/proc.ts";
import { quantile } from "./harness/stats.ts";
import { gather } from "./soak/evidence.ts";
import type { FollowersAnswer, FollowersQuestion } from "./soak/followers.ts";
import { type Account, report, type Sample } from "./soak/report.ts";
import type { TrafficAnswer, TrafficQuestion } from "./soak/traffic.ts";

const [minutes = 60, perSecond = 200, streams = 100] = Bun.argv.slice(2).map(Number);
const brokers = process.env.KAFKA_TEST_BROKERS;
if (!brokers) throw new Error("KAFKA_TEST_BROKERS must name a broker");
/** Seconds in which the mix goes as fast as it can, to know what half of it is. */
const CAPACITY_S = 20;
/** Seconds that the relay, Kafka and the streams get to come to the end of what was written. */
const SETTLE_S = 60;
/** Milliseconds between two looks at the memory: the lowest of a minute is what stays after a garbage collection. */
const LOOK_MS = 2_000;

const folder = await mkdtemp(join(tmpdir(), "aetherlink-soak-"));
const database = await Database.start();
const { url, sql } = await database.create();
const topic = `soak-${Date.now()}`;
const server = await new RunningServer({
  env: {
    DATABASE_URL: url,
    KAFKA_BROKERS: brokers,
    KAFKA_TOPIC: topic,
    LOG_FORMAT: "json",
    LOG_LEVEL: "info",
    OUTBOX_RETENTION_HOURS: "87600",
  },
}).ready();
const pid = server.process.pid;
const followers = new Child<FollowersQuestion, FollowersAnswer>(`${import.meta.dir}/soak/followers.ts`);
const traffic = new Child<TrafficQuestion, TrafficAnswer>(`${import.meta.dir}/soak/traffic.ts`);
const files = { stream: join(folder, "stream"), acknowledged: join(folder, "acknowledged") };

try {
  await followers.ask({ ask: "open", url: server.url, clients: streams, noting: 1, file: files.stream });
  await traffic.ask({ ask: "begin", url: server.url, perSecond: undefined, seconds: CAPACITY_S });
  const capacity = (await traffic.ask({ ask: "end" })).requests / CAPACITY_S;
  process.stderr.write(`capacity ${capacity.toFixed(0)}/s\n`);
  const samples = await soak();
  const { failed, failures } = await traffic.ask({ ask: "end" });
  const waiting = await settle();
  const { reconnects, resets } = await followers.ask({ ask: "flush" });
  await traffic.ask({ ask: "dump", file: files.acknowledged });
  const verdict = await gather({ sql, topic, brokers, files });
  const account: Account = { failed, failures, waiting, reconnects, resets, verdict, capacity };
  const running = server.output.slice(server.output.indexOf('"msg":"ready"'));
  const warnings = running.split("\n").filter((line) => /"level":(40|50|60|"(warn|error|fatal)")/.test(line));
  const text = report({ minutes, perSecond, streams, samples, account, warnings });
  process.stdout.write(text);
  const keep = minutes >= 60 ? import.meta.dir : folder;
  await Bun.write(join(keep, "soak.md"), text);
  await Bun.write(join(keep, "soak.json"), `${JSON.stringify({ account, samples, warnings }, null, 1)}\n`);
} finally {
  await Promise.all([followers.stop(), traffic.stop()]);
  await sql.end();
  await server.stop();
  await database.stop();
  const admin = new Admin({ clientId: "soak", bootstrapBrokers: brokers.split(",") });
  await admin.deleteTopics({ topics: [topic] }).finally(() => admin.close());
  if (minutes >= 60) await rm(folder, { recursive: true, force: true });
}

async function soak(): Promise<Sample[]> {
  await traffic.ask({ ask: "begin", url: server.url, perSecond, seconds: minutes * 60 });
  const samples: Sample[] = [];
  const began = performance.now();
  let cpu = cpuSeconds(pid);
  for (let minute = 1; minute <= minutes; minute++) {
    const memory: number[] = [];
    while (performance.now() - began < minute * 60_000) {
      memory.push(memoryMb(pid).now);
      await Bun.sleep(LOOK_MS);
    }
    const before = cpu;
    cpu = cpuSeconds(pid);
    const { latencies, failed, requests } = await traffic.ask({ ask: "look" });
    const { events } = await followers.ask({ ask: "flush" });
    const [row] = await sql<{ mb: number }[]>`select pg_database_size(current_database()) / 1048576::float8 as mb`;
    samples.push({
      minute,
      lowestMb: Math.min(...memory),
      medianMb: quantile(memory, 0.5),
      databaseMb: row?.mb ?? Number.NaN,
      requests,
      failed,
      events,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      cores: (cpu - before) / 60,
      load: loadavg()[0] ?? Number.NaN,
    });
    process.stderr.write(`${JSON.stringify(samples.at(-1))}\n`);
  }
  return samples;
}

/** Waits until all is published and the stream stands still; the number of events that still wait after the time for it. */
async function settle(): Promise<number> {
  const pending = async () =>
    (await sql<{ n: number }[]>`select count(*)::int as n from outbox_events where published_at is null`)[0]?.n ?? 0;
  const end = performance.now() + SETTLE_S * 1_000;
  const [total] = await sql<{ n: number }[]>`select count(*)::int as n from outbox_events`;
  while (performance.now() < end && (await pending()) > 0) await Bun.sleep(100);
  while (performance.now() < end && (await followers.ask({ ask: "flush" })).events < (total?.n ?? 0)) {
    await Bun.sleep(100);
  }
  return await pending();
}
