import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import pino from "pino";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession } from "../db/session.ts";
import { NotPublishedError, type OutgoingRecord, type PublishOutcome } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import { encodeEvent } from "./event.ts";
import { Relay } from "./relay.ts";
import { countUnpublished, selectPublished } from "./sql.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
const LONG_MS = 600_000;

/** The in-process log, which can be told to fail and remembers what it was given. */
class WatchedLog extends MemoryLog {
  readonly published: OutgoingRecord[] = [];
  failures = 0;
  override async publish(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    if (this.failures > 0) {
      this.failures--;
      return records.map(() => new NotPublishedError("the log is away"));
    }
    this.published.push(...records);
    return await super.publish(records);
  }
}

let db: TestDatabase;
let relays: Relay[] = [];
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  for (const relay of relays) await relay.stop();
  relays = [];
  await db.sql`truncate outbox_events`;
});
afterAll(() => db.drop());

const createLog = () => new WatchedLog({ topic: "test", partitions: 3, capacity: 100_000, now: () => Date.now() });

function createRelay(log: MemoryLog, options: { batch?: number; pollMs?: number } = {}): Relay {
  const relay = new Relay({
    openSession: (events) => openSession(db.url, "aetherlink_relay", events),
    log,
    logger: pino({ level: "silent" }),
    batch: 100,
    pollMs: 20,
    ...options,
  });
  relays.push(relay);
  return relay;
}

/** Appends events with the given numbers to one aggregate, in one transaction, as the write path does. */
async function append(numbers: number[], aggregateId: string = crypto.randomUUID(), sql = db.sql): Promise<void> {
  for (const n of numbers) {
    const event = encodeEvent({
      eventId: Bun.randomUUIDv7(),
      eventType: "JobCreated",
      tenantId: TENANT,
      aggregateType: "Job",
      aggregateId,
      version: n + 1,
      occurredAt: new Date().toISOString(),
      data: { n },
    });
    await sql`select append_event(${TENANT}::uuid, ${event}::text::json, null)`;
  }
}

const numbers = (log: WatchedLog) => log.published.map((record) => JSON.parse(record.value ?? "").data.n as number);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

const drained = async () => (await countUnpublished(db.sql)) === 0;

describe("the relay", () => {
  test("publishes a backlog in id order over several batches and records where each event stands", async () => {
    await append(Array.from({ length: 25 }, (_, i) => i));
    const log = createLog();
    createRelay(log, { batch: 10 }).start();
    await until(drained);
    expect(numbers(log)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    const recorded = await selectPublished(db.sql, 100);
    expect(recorded.map((record) => record.offset)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    expect(recorded[0]?.headers).toMatchObject({ ce_specversion: "1.0", ce_type: "JobCreated", ce_tenantid: TENANT });
    expect(recorded[0]?.headers.ce_id).toBe(JSON.parse(recorded[0]?.value ?? "").eventId);
  });

  test("looks at once when it is kicked, without waiting for the poll", async () => {
    const log = createLog();
    const relay = createRelay(log, { pollMs: LONG_MS });
    relay.start();
    await until(() => relay.state === "leading");
    for (let n = 0; n < 20; n++) {
      await append([n]);
      relay.kick();
      await until(() => log.published.length === n + 1);
    }
  });

  test("finds what nobody kicked it for by its poll", async () => {
    const log = createLog();
    const relay = createRelay(log);
    relay.start();
    await until(() => relay.state === "leading");
    await append([1]);
    await until(() => log.published.length === 1);
  });

  test("does not lose an event whose transaction commits after one with a higher id was published", async () => {
    const log = createLog();
    createRelay(log).start();
    await db.sql.begin(async (tx) => {
      await append([1], crypto.randomUUID(), tx as unknown as typeof db.sql);
      await append([2]);
      await until(() => numbers(log).includes(2));
      await until(async () => (await selectPublished(db.sql, 10)).length === 1);
    });
    await until(() => numbers(log).includes(1));
    await until(drained);
    expect(numbers(log)).toEqual([2, 1]);
  });

  test("tries again when the log fails, and loses nothing", async () => {
    const log = createLog();
    log.failures = 3;
    await append([0, 1, 2]);
    createRelay(log).start();
    await until(drained);
    expect(numbers(log)).toEqual([0, 1, 2]);
  });

  test("goes on in a new session when its connection is terminated, and loses nothing", async () => {
    const log = createLog();
    const relay = createRelay(log);
    relay.start();
    for (let round = 0; round < 5; round++) {
      await until(() => relay.state === "leading");
      await db.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'aetherlink-relay' and datname = current_database()`;
      await append([round]);
      await until(drained);
    }
    expect([...new Set(numbers(log))]).toEqual([0, 1, 2, 3, 4]);
  });

  test("has one leader; a standby takes over when the leader stops", async () => {
    const logs = [createLog(), createLog()];
    const [first, second] = logs.map((log) => createRelay(log));
    first?.start();
    await until(() => first?.state === "leading");
    second?.start();
    await append([0, 1]);
    await until(drained);
    expect(second?.state).toBe("standby");
    await first?.stop();
    await append([2]);
    await until(drained);
    expect(second?.state).toBe("leading");
    expect(logs.map((log) => log && numbers(log))).toEqual([[0, 1], [2]]);
  });

  test("publishes what was committed before it was told to stop", async () => {
    const log = createLog();
    const relay = createRelay(log, { pollMs: LONG_MS, batch: 7 });
    relay.start();
    await until(() => relay.state === "leading");
    await append(Array.from({ length: 30 }, (_, i) => i));
    await relay.stop();
    expect(relay.state).toBe("stopped");
    expect(log.published).toHaveLength(30);
    expect(await drained()).toBe(true);
  });

  test("can be stopped before it was started, twice, and started again", async () => {
    const log = createLog();
    const relay = createRelay(log);
    await relay.stop();
    relay.start();
    relay.start();
    await relay.stop();
    await relay.stop();
    await append([1]);
    relay.start();
    await until(drained);
    expect(numbers(log)).toEqual([1]);
  });
});
