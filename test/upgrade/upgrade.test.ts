/**
 * The version before and this one, as processes of their own on one database and one Kafka, as in a rolling deploy: the new
 * one migrates while the old one is written to. What the version before is, docs/decisions/migrations.md says.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { pendingFiles } from "../../src/db/migrate.ts";
import { Writers } from "../rolling/writers.ts";
import { testBrokers } from "../support/brokers.ts";
import { adminUrl } from "../support/postgres.ts";
import { ROOT, RunningServer } from "../support/server.ts";
import type { SseReader } from "../support/sse.ts";
import { until } from "../support/wait.ts";
import { type Called, callEverything } from "./calls.ts";
import { unpackBefore } from "./freeze.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";

describe.skipIf(testBrokers() === undefined)("a rolling deploy from the version before to this one", () => {
  const topic = `upgrade-${crypto.randomUUID()}`;
  const database = `upgrade_${Bun.randomUUIDv7().replaceAll("-", "")}`;
  let folder = "";
  let admin: postgres.Sql;
  let sql: postgres.Sql;
  let env: Record<string, string>;
  const servers = new Set<RunningServer>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "aetherlink-upgrade-"));
    await unpackBefore(folder);
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    // An empty one: the version before makes its own schema.
    admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
    await admin.unsafe(`create database ${database}`);
    const url = new URL(await adminUrl());
    url.pathname = `/${database}`;
    sql = postgres(url.href, { max: 2, onnotice: () => {}, fetch_types: false });
    env = {
      DATABASE_URL: url.href,
      KAFKA_BROKERS: testBrokers() ?? "",
      KAFKA_TOPIC: topic,
      LOG_FORMAT: "json",
      OUTBOX_POLL_MS: "100",
    };
  });
  afterAll(async () => {
    await Promise.all([...servers].map((server) => server.stop()));
    await sql.end();
    await admin.unsafe(`drop database ${database} with (force)`);
    await admin.end();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(version: "before" | "this"): Promise<RunningServer> {
    const main = join(version === "before" ? folder : ROOT, "src", "main.ts");
    const server = new RunningServer({ env, command: [process.execPath, main, "serve"], cwd: folder });
    servers.add(server);
    return await server.ready();
  }

  async function stop(server: RunningServer): Promise<void> {
    servers.delete(server);
    expect(await server.stop()).toBe(0);
  }

  /** A write is published by whoever leads, and seen by who listens there. */
  async function postAndSee(at: RunningServer, stream: SseReader): Promise<void> {
    const response = await post(at, { title: "seen" });
    const { id } = await response.json();
    await stream.until(({ frames }) => frames.some(({ value }) => value.aggregateId === id));
  }

  function post(at: RunningServer, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${at.url}/api/crm/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, ...headers },
      body: JSON.stringify(body),
    });
  }

  const statuses = (called: readonly Called[]) => called.map(({ request, status }) => `${request} ${status}`);

  test("the version before answers, while and after this one migrates, as it did; nothing written is lost, and either leads", async () => {
    const before = await start("before");
    const called = await callEverything(before.url, crypto.randomUUID());
    expect(called.filter(({ status }) => status >= 500)).toEqual([]);
    expect(new Set(called.map(({ status }) => status))).toEqual(new Set([200, 201, 204, 404, 409, 412, 422]));
    const key = { "Idempotency-Key": crypto.randomUUID() };
    const first = await post(before, { title: "once" }, key);
    const stream = await before.stream();
    const pending = await pendingFiles(sql);

    const writers = new Writers(before.url, 100);
    writers.start();
    const now = await start("this");
    const sent = writers.sent;
    await until("it is written to beside the new version", 10_000, () => writers.sent >= sent + 50);
    await writers.stop();
    expect(writers.failures).toEqual([]);
    expect(writers.sent).toBeGreaterThan(50);
    expect(await pendingFiles(sql)).toEqual({ migrations: [], functions: [], newer: [] });
    expect(now.output.includes("migrations applied")).toBe(pending.migrations.length + pending.functions.length > 0);

    // The old program on the new schema: the very same answers.
    expect(await callEverything(before.url, crypto.randomUUID())).toEqual(called);
    expect(statuses(await callEverything(now.url, crypto.randomUUID()))).toEqual(statuses(called));

    // A key that the one has answered, the other answers with the same bytes.
    const again = await post(now, { title: "once" }, key);
    expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
    expect(await again.text()).toBe(await first.text());

    // Either publishes what the other has written.
    const beside = await now.stream();
    await postAndSee(now, stream);
    await postAndSee(before, beside);
    await stop(before);
    await postAndSee(now, beside);

    // And back: the version before starts on the new schema, leads, and answers as it did.
    const back = await start("before");
    const behind = await back.stream();
    await postAndSee(now, behind);
    await stop(now);
    await postAndSee(back, behind);
    expect(statuses(await callEverything(back.url, crypto.randomUUID()))).toEqual(statuses(called));
    expect(back.output).not.toContain('"level":"error"');
    await until("everything is published", 10_000, async () => {
      const [row] = await sql`select count(*)::int as waiting from outbox_events where published_at is null`;
      return row?.waiting === 0;
    });
    // Each event once, and those of one entity in the order of their versions.
    const [row] =
      await sql`select count(*)::int as all, count(distinct (log_partition, log_offset))::int as places from outbox_events`;
    expect(row?.places).toBe(row?.all);
    await stop(back);
  }, 60_000);
});
