import { afterAll, beforeAll, expect, test } from "bun:test";
import { Registry } from "prom-client";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { NotPublishedError } from "../log/log.ts";
import { OutboxMetrics } from "./metrics.ts";
import { append } from "./outbox.fixture.ts";
import type { OutboxRow } from "./record.ts";
import { type OutboxReport, OutboxStatus } from "./status.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

const row = (retryCount: number, occurredAt = new Date()): OutboxRow => ({
  id: "1",
  event_id: crypto.randomUUID(),
  tenant_id: crypto.randomUUID(),
  type: "JobCreated",
  aggregate_type: "Job",
  aggregate_id: crypto.randomUUID(),
  payload: "{}",
  traceparent: null,
  occurred_at: occurredAt,
  retry_count: retryCount,
});
const valuesOf = async (registry: Registry) =>
  Object.fromEntries(
    (await registry.metrics())
      .split("\n")
      .filter((line) => !line.startsWith("#") && line !== "")
      .map((line) => line.split(/ (?=\S+$)/)),
  ) as Record<string, string>;

test("a batch is counted by what became of its events, and a fifth refusal as a dead letter", async () => {
  const registry = new Registry();
  const metrics = new OutboxMetrics(registry);
  expect(await valuesOf(registry)).toMatchObject({
    'outbox_publish_total{result="refused"}': "0",
    outbox_dead_letter_total: "0",
  });
  const position = { partition: 0, offset: 1, timestamp: 0 };
  metrics.settled({
    published: [
      { row: row(0, new Date(Date.now() - 2_000)), position },
      { row: row(0), position },
    ],
    refused: [
      { row: row(0), error: "no" },
      { row: row(4), error: "no" },
    ],
    held: [row(0)],
    left: [row(0), row(0), row(0)],
    interruption: new NotPublishedError("away"),
  });
  expect(await valuesOf(registry)).toMatchObject({
    'outbox_publish_total{result="ok"}': "2",
    'outbox_publish_total{result="refused"}': "2",
    'outbox_publish_total{result="unavailable"}': "3",
    outbox_dead_letter_total: "1",
    'outbox_commit_to_publish_seconds_bucket{le="1"}': "1",
    'outbox_commit_to_publish_seconds_bucket{le="2.5"}': "2",
    'outbox_batch_events_bucket{le="2"}': "1",
  });
});

test("what waits in the outbox is counted when it is asked for", async () => {
  const registry = new Registry();
  new OutboxMetrics(registry).watch(new OutboxStatus(db.sql, { state: "leading" }));
  const [dead = ""] = await append(db.sql, [1, 2, 3]);
  await db.sql`update outbox_events set occurred_at = now() - interval '1 minute', dead_at = now(), held = true where event_id = ${dead}`;
  const values = await valuesOf(registry);
  expect(values).toMatchObject({ outbox_backlog: "3", outbox_dead_letters: "1", outbox_relay_leader: "1" });
  expect(Math.round(Number(values.outbox_oldest_unpublished_age_seconds))).toBe(60);
});

test("nothing is claimed about an outbox that cannot be read", async () => {
  const away = await testDatabase();
  const registry = new Registry();
  new OutboxMetrics(registry).watch(new OutboxStatus(away.sql, { state: "standby" }));
  await away.sql.end();
  expect(Object.keys(await valuesOf(registry))).not.toContain("outbox_backlog");
  await away.drop();
});

/** A status whose database answers when the test says so. */
function slowStatus() {
  const asked: PromiseWithResolvers<OutboxReport>[] = [];
  const report = () => {
    const next = Promise.withResolvers<OutboxReport>();
    asked.push(next);
    return next.promise;
  };
  const answer = (backlog: number) => {
    for (const { resolve } of asked.splice(0))
      resolve({
        backlog,
        oldestUnpublishedAgeSeconds: 0,
        oldestPendingAgeSeconds: 0,
        held: 0,
        deadLetters: 0,
        blockedAggregates: 0,
        relay: { state: "leading" },
      });
  };
  return { status: { report, relayState: "leading" } as const, asked, answer };
}

test("a scrape does not wait for a database that hangs: it shows the last count, and says nothing of it when there is none", async () => {
  const { status, asked, answer } = slowStatus();
  const registry = new Registry();
  new OutboxMetrics(registry).watch(status);
  const first = valuesOf(registry);
  answer(7);
  expect((await first).outbox_backlog).toBe("7");
  // Nobody answers: this would wait for ever.
  expect(await valuesOf(registry)).toMatchObject({ outbox_backlog: "7", outbox_relay_leader: "1" });
  answer(8);
  expect((await valuesOf(registry)).outbox_backlog).toBe("8");
  for (const { reject } of asked.splice(0)) reject(new Error("away"));
  const after = await valuesOf(registry);
  expect(Object.keys(after)).not.toContain("outbox_backlog");
  expect(after.outbox_relay_leader).toBe("1");
});

test("who asks while the outbox is being counted is told what that comes to: the database counts once", async () => {
  const counts = { begun: 0 };
  const sql = new Proxy(db.sql, {
    get(target, name, receiver) {
      if (name === "begin") counts.begun++;
      return Reflect.get(target, name, receiver);
    },
  });
  const status = new OutboxStatus(sql, { state: "leading" });
  const reports = await Promise.all(Array.from({ length: 20 }, () => status.report()));
  await status.report();
  expect(counts.begun).toBe(1);
  expect(new Set(reports.map(({ backlog }) => backlog)).size).toBe(1);
});
