/**
 * Mixed load on a whole server for a long time: is memory flat, is anything lost? Needs KAFKA_TEST_BROKERS.
 * `bun bench/soak.ts [minutes] [requests/s] [streams]`; prints Markdown and keeps it in soak.md.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { RunningServer } from "../test/support/server.ts";
import { Database, machine, quantile } from "./harness.ts";
import { Child } from "./stream/child.ts";
import type { FollowersAnswer, FollowersQuestion } from "./stream/followers.ts";

const [minutes = 60, perSecond = 300, streams = 100] = Bun.argv.slice(2).map(Number);
const brokers = process.env.KAFKA_TEST_BROKERS;
if (!brokers) throw new Error("KAFKA_TEST_BROKERS must name a broker");
const TENANTS = Array.from({ length: 20 }, () => crypto.randomUUID());
const LANES = 32;
/** Minutes at the beginning that the slope leaves out: caches and the compiler of the engine fill up. */
const WARM_UP = 10;

interface Sample {
  readonly minute: number;
  readonly rssMb: number;
  readonly postgresMb: number;
  readonly requests: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly cores: number;
  readonly load: number;
}

/** Jobs that may be read, changed and deleted. */
const known: { tenant: string; id: string }[] = [];
let latencies: number[] = [];
let failed = 0;
const failures = new Map<string, number>();

function headersOf(tenant: string) {
  return { "Content-Type": "application/json", "X-Tenant-Id": tenant, "Idempotency-Key": crypto.randomUUID() };
}

/** One request of the mix: of twenty, 10 POST, 4 PATCH, 1 DELETE, 4 GET by id and 1 list. */
async function one(url: string, n: number): Promise<void> {
  const kind = n % 20;
  const tenant = TENANTS[n % TENANTS.length] ?? "";
  const pick = known[Math.floor(Math.random() * known.length)];
  const base = `${url}/api/crm/jobs`;
  const call = async (path: string, method: string, of: string, body?: unknown) => {
    const init = { method, headers: headersOf(of), ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`${base}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  const answer = await (kind < 10 || pick === undefined
    ? call("", "POST", tenant, { title: `Replace compressor, rooftop unit ${n}`, tags: ["hvac"] })
    : kind < 14
      ? call(`/${pick.id}`, "PATCH", pick.tenant, { status: n % 2 ? "Scheduled" : "Open" })
      : kind < 15
        ? call(`/${known.splice(known.indexOf(pick), 1)[0]?.id}`, "DELETE", pick.tenant)
        : kind < 19
          ? call(`/${pick.id}`, "GET", pick.tenant)
          : call("?limit=20", "GET", tenant));
  // One lane may delete what another is about to change.
  if (answer.status >= 400 && !(answer.status === 404 && kind >= 10)) {
    failed++;
    const what = `${answer.status} ${answer.text.slice(0, 200)}`;
    failures.set(what, (failures.get(what) ?? 0) + 1);
  }
  if (answer.status === 201) {
    known.push({ tenant, id: (JSON.parse(answer.text) as { id: string }).id });
    if (known.length > 5_000) known.splice(0, 1_000);
  }
}

/** Requests at a fixed rate, from lanes that each take the next one that is due. */
async function load(url: string, until: number): Promise<void> {
  const began = performance.now();
  let next = 0;
  const lane = async () => {
    for (;;) {
      const n = next++;
      const due = began + (n * 1_000) / perSecond;
      if (due > until) return;
      const wait = due - performance.now();
      if (wait > 0.5) await Bun.sleep(wait);
      const sent = performance.now();
      await one(url, n).catch((error: unknown) => {
        failed++;
        failures.set(String(error), (failures.get(String(error)) ?? 0) + 1);
      });
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const status = (pid: number, name: string) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Least squares, in MB an hour. */
function slope(samples: readonly Sample[]): number {
  const [mx, my] = [(s: Sample) => s.minute / 60, (s: Sample) => s.rssMb].map(
    (of) => samples.reduce((sum, s) => sum + of(s), 0) / samples.length,
  ) as [number, number];
  const above = samples.reduce((sum, s) => sum + (s.minute / 60 - mx) * (s.rssMb - my), 0);
  return above / samples.reduce((sum, s) => sum + (s.minute / 60 - mx) ** 2, 0);
}

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
    LOG_LEVEL: "warn",
    OUTBOX_RETENTION_HOURS: "87600",
  },
}).ready();
const followers = new Child<FollowersQuestion, FollowersAnswer>("followers.ts");
try {
  await followers.ask({ ask: "open", url: server.url, clients: streams, noting: 1 });
  const began = performance.now();
  const samples: Sample[] = [];
  let cpu = cpuSeconds(server.process.pid);
  const sampler = setInterval(async () => {
    const taken = latencies;
    latencies = [];
    const before = cpu;
    cpu = cpuSeconds(server.process.pid);
    const [{ mb } = { mb: 0 }] = await sql<
      { mb: number }[]
    >`select (pg_database_size(current_database()) / 1e6)::float8 as mb`;
    const sample = {
      minute: Math.round((performance.now() - began) / 60_000),
      rssMb: status(server.process.pid, "VmRSS") / 1_024,
      postgresMb: mb,
      requests: taken.length,
      failed,
      p50: quantile(taken, 0.5),
      p99: quantile(taken, 0.99),
      cores: (cpu - before) / 60,
      load: loadavg()[0] ?? Number.NaN,
    };
    samples.push(sample);
    process.stderr.write(`${JSON.stringify(sample)}\n`);
  }, 60_000);
  await load(server.url, began + minutes * 60_000);
  clearInterval(sampler);
  while ((await sql`select 1 from outbox_events where published_at is null limit 1`).length > 0) await Bun.sleep(50);
  await Bun.sleep(2_000);
  const file = join(folder, "seen");
  const { reconnects } = await followers.ask({ ask: "dump", file });
  const seen = (await readFile(file, "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  const committed = await sql<{ event_id: string }[]>`select event_id from outbox_events`;
  const distinct = new Set(seen);
  const lost = committed.filter(({ event_id }) => !distinct.has(event_id)).length;
  const steady = samples.filter(({ minute }) => minute > Math.min(WARM_UP, minutes / 3));
  const rows = samples.filter(({ minute }, i) => minute % Math.max(1, Math.round(minutes / 12)) === 0 || i === 0);
  const text = [
    "# Soak",
    "",
    `\`bun bench/soak.ts ${minutes} ${perSecond} ${streams}\`, ${new Date().toISOString().slice(0, 10)}, ${machine}; PostgreSQL 18 with fsync, Apache Kafka, load and streams on the same machine.`,
    `${perSecond} requests a second (half POST, a fifth PATCH, a fifth GET by id, DELETE and lists a twentieth each) of ${TENANTS.length} tenants, ${streams} streams open.`,
    "",
    "| what | measured | bar |",
    "| --- | --- | --- |",
    `| memory of the server, slope after the first ${Math.min(WARM_UP, minutes / 3).toFixed(0)} minutes (MB an hour) | ${slope(steady).toFixed(1)} | 1 |`,
    `| requests answered otherwise than expected | ${failed} | 0 |`,
    `| events committed / lost on the stream / shown twice | ${committed.length.toLocaleString("en")} / ${lost} / ${seen.length - distinct.size} | 0 / 0 |`,
    `| streams that ended and came back | ${reconnects} | |`,
    "",
    "| minute | RSS (MB) | database (MB) | requests | p50 (ms) | p99 (ms) | cores | load average |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows.map(
      (s) =>
        `| ${s.minute} | ${s.rssMb.toFixed(1)} | ${s.postgresMb.toFixed(0)} | ${s.requests} | ${s.p50.toFixed(1)} | ${s.p99.toFixed(1)} | ${s.cores.toFixed(2)} | ${s.load.toFixed(1)} |`,
    ),
    ...(failures.size === 0 ? [] : ["", "Failures:", "", ...[...failures].map(([what, n]) => `- ${n}× ${what}`)]),
    "",
  ].join("\n");
  process.stdout.write(text);
  if (minutes >= 60) await Bun.write(join(import.meta.dir, "soak.md"), text);
} finally {
  await followers.stop();
  await sql.end();
  await server.stop();
  await database.stop();
  await rm(folder, { recursive: true, force: true });
}
