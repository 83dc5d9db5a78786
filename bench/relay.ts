/**
 * The relay on real PostgreSQL and the broker that KAFKA_TEST_BROKERS names: draining a backlog, commit → Kafka, takeover,
 * what a backlog costs the writers. `bun bench/relay.ts [rounds] [backlog] [seconds] [parts]`, parts being some of
 * drain,latency,takeover,writers; prints Markdown and keeps it in relay.md. PostgreSQL keeps its default durability
 * (fsync on); load, broker and database share the machine with what is measured.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import type postgres from "postgres";
import { readConfig } from "../src/config.ts";
import { openSession } from "../src/db/session.ts";
import { Kafka, loadLibrary } from "../src/kafka/index.ts";
import { openLog } from "../src/log/open.ts";
import { Relay } from "../src/outbox/index.ts";
import { type OutboxRow, toRecord } from "../src/outbox/record.ts";
import { RunningServer } from "../test/support/server.ts";
import { Database, machine, type Numbers, quantile, spread } from "./harness.ts";

const [rounds = 5, backlog = 200_000, seconds = 60] = Bun.argv.slice(2, 5).map(Number);
const parts = (Bun.argv[5] ?? "drain,latency,takeover,writers").split(",");
const brokers = process.env.KAFKA_TEST_BROKERS ?? "127.0.0.1:19092";
const WARM_UP_S = 5;
const MILLION = 1_000_000;
const TENANT = "12345678-1234-1234-1234-123456789012";
const silent = pino({ level: "silent" });

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Peak resident memory of a process so far, MB. */
function peakMb(pid: number | "self"): number {
  const [, kb] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb) / 1024;
}

/** Events as the API makes them, ten of each aggregate. */
async function fill(sql: postgres.Sql, events: number, isPublished = false): Promise<void> {
  await sql`
    insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at, published_at)
    select e.id, ${TENANT}::uuid, 'JobUpdated', 'Job', e.aggregate, json_build_object(
      'eventId', e.id, 'eventType', 'JobUpdated', 'tenantId', ${TENANT}::text, 'aggregateType', 'Job', 'aggregateId', e.aggregate,
      'version', n, 'occurredAt', '2026-11-23T07:00:00.000Z', 'data', json_build_object(
        'title', 'Replace compressor, rooftop unit ' || n, 'description', null, 'status', 'Open', 'accountId', null,
        'contactId', null, 'scheduledAt', null, 'amount', null, 'tags', '[]'::json, 'attributes', '{}'::json)),
      '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', now(), case when ${isPublished} then now() end
    from generate_series(1, ${events}::int) n,
      lateral (select gen_random_uuid() as id, md5((n / 10)::text)::uuid as aggregate) e`;
  await sql`vacuum analyze outbox_events`;
  await sql`checkpoint`;
}

const environment = (url: string, topic: string) => ({
  DATABASE_URL: url,
  KAFKA_BROKERS: brokers,
  KAFKA_TOPIC: topic,
  LOG_FORMAT: "json",
  OUTBOX_RETENTION_HOURS: "87600",
});
const newTopic = () => `bench-relay-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;

const servers = new Set<RunningServer>();

function startServer(env: Record<string, string>): RunningServer {
  const server = new RunningServer({ env });
  servers.add(server);
  return server;
}

/** In a process of its own: the relay alone drains what is there. */
async function drainChild(): Promise<void> {
  const config = readConfig(process.env);
  const url = config.DATABASE_URL ?? "";
  const log = await openLog(config, silent, async () => {});
  await log.start();
  let published = 0;
  let began = 0;
  const done = Promise.withResolvers<void>();
  const relay = new Relay({
    openSession: (events) => openSession(url, "aetherlink_relay", events),
    log,
    logger: silent,
    batch: config.OUTBOX_BATCH,
    pollMs: 1_000,
    settled: (settlement) => {
      published += settlement.published.length;
      if (published >= backlog) done.resolve();
    },
  });
  began = performance.now();
  relay.start();
  await done.promise;
  await relay.stop();
  const rate = (published / (performance.now() - began)) * 1_000;
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ rate, mb: peakMb("self"), cpu: (user + system) / 1e6 }));
  await log.stop();
}

/** In a process of its own, the yardstick: the same records handed to the producer, nothing else. */
async function produceChild(): Promise<void> {
  const log = await openLog(readConfig(process.env), silent, async () => {});
  await log.start();
  const row: OutboxRow = {
    id: "1",
    event_id: crypto.randomUUID(),
    tenant_id: TENANT,
    type: "JobUpdated",
    aggregate_type: "Job",
    aggregate_id: crypto.randomUUID(),
    payload: "x".repeat(470),
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    occurred_at: new Date(),
    retry_count: 0,
  };
  const records = Array.from({ length: 1_000 }, (_, n) => toRecord({ ...row, aggregate_id: `key-${n % 100}` }));
  await log.publish(records);
  const began = performance.now();
  for (let sent = 0; sent < backlog; sent += records.length) await log.publish(records);
  process.stdout.write(JSON.stringify({ rate: (backlog / (performance.now() - began)) * 1_000 }));
  await log.stop();
}

async function child(name: string, env: Record<string, string>): Promise<Record<string, number>> {
  const command = [process.execPath, import.meta.path, String(rounds), String(backlog), String(seconds), name];
  const spawned = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(spawned.stdout).text());
}

async function drain(database: Database): Promise<string[]> {
  const { url, sql } = await database.create();
  const figures: Record<string, Numbers> = {};
  const note = (name: string, value = Number.NaN) => {
    figures[name] = [...(figures[name] ?? []), value];
  };
  for (let round = 0; round < rounds; round++) {
    const raw = await child("produce", environment("", newTopic()));
    await sql`truncate outbox_events`;
    await fill(sql, backlog);
    const alone = await child("drain-child", environment(url, newTopic()));
    await sql`truncate outbox_events`;
    await fill(sql, backlog);
    const server = startServer(environment(url, newTopic()));
    await server.until((output) => output.includes("relay leads"));
    const began = performance.now();
    while ((await sql`select 1 from outbox_events where published_at is null limit 1`).length > 0) await Bun.sleep(20);
    note("server", backlog / ((performance.now() - began) / 1_000));
    note("serverMb", peakMb(server.process.pid));
    await server.stop();
    note("raw", raw.rate);
    note("alone", alone.rate);
    note("aloneMb", alone.mb);
    note("cores", ((alone.cpu ?? 0) * (alone.rate ?? 0)) / backlog);
    note("ratio", (alone.rate ?? 0) / (raw.rate ?? 1));
    say(
      `drain ${round + 1}/${rounds}: relay ${alone.rate?.toFixed(0)}/s, server ${figures.server?.at(-1)?.toFixed(0)}/s`,
    );
  }
  await sql.end();
  const of = (name: string, digits = 0) => spread(figures[name] ?? [], digits);
  return [
    `| drain ${backlog.toLocaleString("en")} with all headers, relay alone (events/s) | ${of("alone")} | 60,000 |`,
    `| the same by a whole server, its hub reading along (events/s) | ${of("server")} | |`,
    `| yardstick: the same records handed to our producer, 1,000 at a time, no database (events/s) | ${of("raw")} | |`,
    `| relay to yardstick | ${of("ratio", 2)} | |`,
    `| peak memory of the relay's process / of the server (MB) | ${of("aloneMb")} / ${of("serverMb")} | 150 |`,
    `| cores that the relay's process used, its start included | ${of("cores", 2)} | |`,
  ];
}

/** Reads a topic from its tail and notes when each event came, in microseconds since 1970. */
async function watch(topic: string) {
  const arrivals = new Map<string, number>();
  const text = new TextDecoder();
  const kafka = new Kafka({ library: loadLibrary(), "bootstrap.servers": brokers });
  const consumer = kafka.consumer({ "group.id": `bench-${topic}` });
  await consumer.assign([0, 1, 2].map((partition) => ({ topic, partition, offset: 0 })));
  const reading = (async () => {
    for await (const batch of consumer.batches()) {
      const now = (performance.timeOrigin + performance.now()) * 1_000;
      for (const { headers } of batch) {
        const id = text.decode(headers.ce_id instanceof Uint8Array ? headers.ce_id : undefined);
        if (!arrivals.has(id)) arrivals.set(id, now);
      }
    }
  })();
  return {
    arrivals,
    async stop() {
      await consumer.close();
      await reading.catch(() => {});
    },
  };
}

/** The URL is asked once: RunningServer looks for it in all that was printed. */
const post = (url: string, n: number) =>
  fetch(`${url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify({ title: `Replace compressor, rooftop unit ${n}` }),
  });

/**
 * Posts at a fixed rate, from lanes that each take the next one that is due: a client that piles up thousands of requests
 * would be what is measured.
 */
async function load(url: string, perSecond: number, forSeconds: number): Promise<{ failed: number }> {
  const began = performance.now();
  let next = 0;
  let failed = 0;
  const lane = async () => {
    for (let n = next++; n < perSecond * forSeconds; n = next++) {
      const wait = began + (n * 1_000) / perSecond - performance.now();
      if (wait > 0.5) await Bun.sleep(wait);
      const response = await post(url, n).catch(() => undefined);
      await response?.text();
      if (response?.status !== 201) failed++;
    }
  };
  await Promise.all(Array.from({ length: 64 }, lane));
  const late = (performance.now() - began) / 1_000 - forSeconds;
  if (late > 0.5) say(`the load of ${perSecond}/s took ${late.toFixed(1)} s longer than it should`);
  return { failed };
}

async function latency(database: Database): Promise<string[]> {
  const lines: string[] = [];
  for (const [perSecond, bars] of [
    [200, "3 / 15"],
    [1_000, "5 / 25"],
  ] as const) {
    const { url, sql } = await database.create();
    const topic = newTopic();
    const server = await startServer(environment(url, topic)).ready();
    const watched = await watch(topic);
    await load(server.url, perSecond, WARM_UP_S);
    const [{ at } = { at: 0 }] = await sql<{ at: number }[]>`select extract(epoch from now())::float8 as at`;
    const { failed } = await load(server.url, perSecond, seconds);
    while ((await sql`select 1 from outbox_events where published_at is null limit 1`).length > 0) await Bun.sleep(20);
    await Bun.sleep(500);
    const commits = await sql<{ event_id: string; at: number }[]>`
      select o.event_id, extract(epoch from pg_xact_commit_timestamp(j.xmin))::float8 as at
      from outbox_events o join jobs j on j.id = o.aggregate_id`;
    const measured = commits.filter((commit) => commit.at > at);
    const delays = measured.map(
      (commit) => ((watched.arrivals.get(commit.event_id) ?? Number.NaN) - commit.at * 1e6) / 1e3,
    );
    await watched.stop();
    await server.stop();
    await sql.end();
    const missing = delays.filter(Number.isNaN).length;
    say(`latency at ${perSecond}/s: ${measured.length} events, ${missing} missing, ${failed} failed`);
    const figures = [0.5, 0.9, 0.99, 0.999].map((q) => quantile(delays, q).toFixed(1)).join(" / ");
    lines.push(
      `| commit → consumer of Kafka at ${perSecond}/s for ${seconds} s, p50 / p90 / p99 / p99.9 (ms); ${measured.length} events, ${missing} missing, ${failed} posts failed | ${figures} | ${bars} (p50 / p99) |`,
    );
  }
  return lines;
}

async function takeover(database: Database): Promise<string[]> {
  const { url, sql } = await database.create();
  const topic = newTopic();
  const start = () => startServer(environment(url, topic)).ready();
  let [leader, standby] = [await start(), await start()];
  const watched = await watch(topic);
  const gaps: Numbers = [];
  for (let round = 0; round < Math.max(rounds, 10); round++) {
    await leader.until((output) => output.includes("relay leads"));
    await post(leader.url, round);
    // At a moment of the standby's own rhythm that is as likely as any other.
    await Bun.sleep(Math.random() * 1_000);
    const standbyUrl = standby.url;
    leader.process.kill("SIGKILL");
    const began = performance.now();
    const before = watched.arrivals.size;
    await post(standbyUrl, round);
    while (watched.arrivals.size === before) await Bun.sleep(1);
    gaps.push(performance.now() - began);
    await leader.exited();
    [leader, standby] = [standby, await start()];
  }
  await watched.stop();
  await Promise.all([leader.stop(), standby.stop()]);
  await sql.end();
  return [
    `| kill -9 of the leader → an event of the standby in Kafka, ${gaps.length} times (ms) | ${spread(gaps)} | 2,000 |`,
  ];
}

/** Jobs a second by 16 connections that call the write function, as the API does. */
async function writes(sql: postgres.Sql, forSeconds: number): Promise<number> {
  const deadline = performance.now() + forSeconds * 1_000;
  let count = 0;
  const input = JSON.stringify({ title: "x", description: null, status: "Open", tags: [], attributes: {} });
  const lane = async () => {
    while (performance.now() < deadline) {
      const now = new Date();
      await sql`select * from create_job(
        row(${TENANT}::uuid, ${crypto.randomUUID()}::text, ${Buffer.alloc(32)}::bytea, 'POST', '/api/crm/jobs', 'bench',
          '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null::integer[], false, ${now}::timestamptz,
          ${new Date(now.getTime() + 86_400_000)}::timestamptz)::write_request,
        ${Bun.randomUUIDv7()}::uuid, ${Bun.randomUUIDv7()}::uuid, ${input}::text::json)`;
      count++;
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return count / forSeconds;
}

async function writers(database: Database): Promise<string[]> {
  const [empty, published, pending] = [await database.create(), await database.create(), await database.create()];
  await fill(published.sql, MILLION, true);
  await fill(pending.sql, MILLION);
  const rates = { empty: [] as Numbers, published: [] as Numbers, pending: [] as Numbers };
  const all = [
    ["empty", empty],
    ["published", published],
    ["pending", pending],
  ] as const;
  for (const [, { sql }] of all) await writes(sql, 2);
  for (let round = 0; round < Math.max(rounds, 5); round++) {
    for (const [name, { sql }] of round % 2 === 0 ? all : all.toReversed()) rates[name].push(await writes(sql, 5));
    say(`writers ${round + 1}: ${all.map(([name]) => `${name} ${rates[name].at(-1)?.toFixed(0)}/s`).join(", ")}`);
  }
  const slower = (a: Numbers, b: Numbers) => a.map((rate, i) => (1 - rate / (b[i] ?? Number.NaN)) * 100);
  const plan = await pending.sql.begin(async (tx) => {
    await tx`set local role aetherlink_relay`;
    return await tx`
      explain (analyze, buffers, costs off)
      select type, aggregate_type, traceparent,
        concat_ws(chr(31), id, event_id, tenant_id, aggregate_id, retry_count, occurred_at, payload) as rest
      from outbox_events
      where published_at is null and not held and id > 0 and id <= 9223372036854775807
      order by id limit 1000`;
  });
  for (const [, { sql }] of all) await sql.end();
  return [
    `| jobs/s by 16 connections, relay off: empty outbox / 1,000,000 published rows / backlog of 1,000,000 | ${spread(rates.empty)} / ${spread(rates.published)} / ${spread(rates.pending)} | |`,
    `| slower with the backlog than with as many published rows (%, pairs) | ${spread(slower(rates.pending, rates.published), 1)} | 5 |`,
    `| slower with the backlog than with an empty table (%, pairs) | ${spread(slower(rates.pending, rates.empty), 1)} | 5 |`,
    "",
    "How the leader reads with a backlog of a million:",
    "",
    "```",
    ...plan.map((row) => row["QUERY PLAN"] as string),
    "```",
  ];
}

if (parts[0] === "drain-child") await drainChild();
else if (parts[0] === "produce") await produceChild();
else {
  const database = await Database.start();
  // An interrupted run leaves nothing behind.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, async () => {
      for (const server of servers) server.process.kill("SIGKILL");
      await database.stop();
      process.exit(1);
    });
  }
  try {
    const measures: Record<string, (database: Database) => Promise<string[]>> = { drain, latency, takeover, writers };
    const lines: string[] = [];
    for (const [name, measure] of Object.entries(measures)) {
      if (parts.includes(name)) lines.push(...(await measure(database)));
    }
    const text = [
      "# The relay",
      "",
      `\`bun bench/relay.ts\`, ${rounds} rounds, ${new Date().toISOString().slice(0, 10)}, ${machine}; PostgreSQL 18 with fsync and Apache Kafka on the same machine. Median (lowest – highest).`,
      "",
      "| what | measured | bar |",
      "| --- | --- | --- |",
      ...lines,
      "",
    ].join("\n");
    process.stdout.write(text);
    if (parts.length === 4) await Bun.write(join(import.meta.dir, "relay.md"), text);
  } finally {
    await database.stop();
  }
}
