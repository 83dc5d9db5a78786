import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import pino from "pino";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession } from "../db/session.ts";
import { append, TENANT, until, WatchedLog } from "./outbox.fixture.ts";
import { Relay } from "./relay.ts";
import { countUnpublished, selectPublished } from "./sql.ts";

const LONG_MS = 600_000;

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

const createLog = () => new WatchedLog();

function createRelay(
  log: WatchedLog,
  { url = db.url, ...options }: { url?: string; batch?: number; pollMs?: number } = {},
): Relay {
  const relay = new Relay({
    openSession: (events) => openSession(url, "aetherlink_relay", events),
    log,
    logger: pino({ level: "silent" }),
    batch: 100,
    pollMs: 20,
    ...options,
  });
  relays.push(relay);
  return relay;
}

const drained = async () => (await countUnpublished(db.sql)) === 0;

describe("the relay", () => {
  test("publishes a backlog in id order over several batches and records where each event stands", async () => {
    await append(
      db.sql,
      Array.from({ length: 25 }, (_, i) => i),
    );
    const log = createLog();
    createRelay(log, { batch: 10 }).start();
    await until(drained);
    expect(log.numbers).toEqual(Array.from({ length: 25 }, (_, i) => i));
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
      await append(db.sql, [n]);
      relay.kick();
      await until(() => log.published.length === n + 1);
    }
  });

  test("finds what nobody kicked it for by its poll", async () => {
    const log = createLog();
    const relay = createRelay(log);
    relay.start();
    await until(() => relay.state === "leading");
    await append(db.sql, [1]);
    await until(() => log.published.length === 1);
  });

  test("does not lose an event whose transaction commits after one with a higher id was published", async () => {
    const log = createLog();
    createRelay(log).start();
    await db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof db.sql, [1]);
      await append(db.sql, [2]);
      await until(() => log.numbers.includes(2));
      await until(async () => (await selectPublished(db.sql, 10)).length === 1);
    });
    await until(() => log.numbers.includes(1));
    await until(drained);
    expect(log.numbers).toEqual([2, 1]);
  });

  test("tries again when the log fails, and loses nothing", async () => {
    const log = createLog();
    log.failures = 3;
    await append(db.sql, [0, 1, 2]);
    createRelay(log).start();
    await until(drained);
    expect(log.numbers).toEqual([0, 1, 2]);
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
      await append(db.sql, [round]);
      await until(drained);
    }
    expect([...new Set(log.numbers)]).toEqual([0, 1, 2, 3, 4]);
  });

  test("has one leader; a standby takes over when the leader stops", async () => {
    const logs = [createLog(), createLog()];
    const [first, second] = logs.map((log) => createRelay(log));
    first?.start();
    await until(() => first?.state === "leading");
    second?.start();
    await append(db.sql, [0, 1]);
    await until(drained);
    expect(second?.state).toBe("standby");
    await first?.stop();
    await append(db.sql, [2]);
    await until(drained);
    expect(second?.state).toBe("leading");
    expect(logs.map((log) => log.numbers)).toEqual([[0, 1], [2]]);
  });

  test("publishes what was committed before it was told to stop", async () => {
    const log = createLog();
    const relay = createRelay(log, { pollMs: LONG_MS, batch: 7 });
    relay.start();
    await until(() => relay.state === "leading");
    await append(
      db.sql,
      Array.from({ length: 30 }, (_, i) => i),
    );
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
    await append(db.sql, [1]);
    relay.start();
    await until(drained);
    expect(log.numbers).toEqual([1]);
  });
});
