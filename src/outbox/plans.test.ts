/** What PostgreSQL reads for the outbox's statements, by its own count, where the statistics know nothing of how it is now. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import pino from "pino";
import postgres from "postgres";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession } from "../db/session.ts";
import { decideAll, fateOf, listDeadLetters } from "./dead-letters.ts";
import { append, TENANT, until, WatchedLog } from "./outbox.fixture.ts";
import { Relay } from "./relay.ts";
import { selectBacklog } from "./sql.ts";

const PUBLISHED = 20_000;
const BACKLOG = 3_000;
const DEAD = 50;
/** As many as it takes for the primary key to look good. */
const DRAINED = 50_000;

let db: TestDatabase;
beforeEach(async () => {
  db = await testDatabase();
  await db.sql`alter table outbox_events set (autovacuum_enabled = false)`;
});
afterEach(() => db.drop());

/** Events 0, 1, 2, … in one statement; of those with a number below `dead` each is a dead letter of an aggregate of its own. */
const fill = (events: number, { isPublished = false, dead = 0 } = {}) => db.sql`
  insert into outbox_events (
    event_id, tenant_id, type, aggregate_type, aggregate_id, payload, occurred_at, published_at, held, dead_at, last_error
  )
  select uuidv7(), ${TENANT}::uuid, 'JobCreated', 'Job', uuidv7(), json_build_object('data', json_build_object('n', n)), now(),
    case when ${isPublished} then now() end, n < ${dead}::int, case when n < ${dead}::int then now() end, 'too large'
  from generate_series(0, ${events}::int - 1) n`;

/** Rows and entries of indexes of the outbox that were read, in sessions that have ended. */
async function read(): Promise<{ entries: number; rows: number }> {
  await until(async () => {
    const others = await db.sql`
      select from pg_stat_activity
      where datname = current_database() and application_name in ('aetherlink-relay', 'test-reads')`;
    return others.length === 0;
  });
  const [count] = await db.sql<{ entries: number; rows: number }[]>`
    select (select sum(idx_tup_read)::int from pg_stat_user_indexes where relname = 'outbox_events') as entries,
      (select seq_tup_read::int from pg_stat_user_tables where relname = 'outbox_events') as rows`;
  return count ?? { entries: 0, rows: 0 };
}

/** Runs a relay until `isDone`; returns what that read. */
async function readByRelay(log: WatchedLog, batch: number, work: (relay: Relay) => Promise<void>) {
  const before = await read();
  const relay = new Relay({
    openSession: (events) => openSession(db.url, "aetherlink_relay", events),
    log,
    logger: pino({ level: "silent" }),
    batch,
    pollMs: 20,
  });
  relay.start();
  await work(relay);
  await relay.stop();
  const after = await read();
  return { entries: after.entries - before.entries, rows: after.rows - before.rows };
}

/** What `work` reads on a session of its own. */
async function readBy(work: (sql: postgres.Sql) => Promise<unknown>) {
  const before = await read();
  const sql = postgres(db.url, { max: 1, fetch_types: false, connection: { application_name: "test-reads" } });
  await work(sql);
  await sql.end();
  const after = await read();
  return after.entries - before.entries + after.rows - before.rows;
}

describe("with statistics from before a backlog", () => {
  test("the relay reads each event a few times to publish it, also where some are refused and others held behind them", async () => {
    await fill(PUBLISHED, { isPublished: true });
    await db.sql`vacuum analyze outbox_events`;
    await fill(BACKLOG);
    // Every 50th is of one aggregate, of which the first is refused: one is charged, the others are held, in each batch.
    await db.sql`update outbox_events set aggregate_id = ${TENANT} where (payload #>> '{data,n}')::int % 50 = 0 and published_at is null`;
    const log = new WatchedLog();
    log.poison.add(0);
    const { entries } = await readByRelay(log, 100, () => until(() => log.published.length === BACKLOG - BACKLOG / 50));
    // Each to be published and to be marked, and some again where a pass begins anew. With a look at all of them for each batch
    // that is marked it were 57,000.
    expect(entries).toBeGreaterThanOrEqual(2 * BACKLOG);
    expect(entries).toBeLessThan(6 * BACKLOG);
  });

  test("dead letters are listed and decided about, and their fate is told, without a look at all that waits", async () => {
    await fill(PUBLISHED, { isPublished: true });
    await db.sql`vacuum analyze outbox_events`;
    await fill(BACKLOG, { dead: DEAD });
    let ids: string[] = [];
    const list = await readBy(async (sql) => {
      ids = (await listDeadLetters(sql, DEAD)).data.map(({ eventId }) => eventId);
    });
    expect(ids).toHaveLength(DEAD);
    expect(list).toBeLessThan(BACKLOG);
    expect(await readBy((sql) => fateOf(sql, ids))).toBeLessThan(BACKLOG);
    // Each is found by its event id, updated by its id, and all of them were looked for once.
    expect(await readBy((sql) => decideAll(sql, { action: "requeue", actor: "anna" }))).toBeLessThan(BACKLOG);
    // All that is pending, once, to count it.
    expect(await readBy((sql) => selectBacklog(sql))).toBeLessThan(2 * BACKLOG);
  });
});

describe("with statistics from the midst of a backlog that is gone", () => {
  test("the relay does not go through all that was published at each look", async () => {
    await fill(1_000);
    await db.sql`vacuum analyze outbox_events`;
    await fill(DRAINED);
    await db.sql`update outbox_events set published_at = now()`;
    const log = new WatchedLog();
    const { entries } = await readByRelay(log, 100, async (relay) => {
      for (let n = 0; n < 40; n++) {
        await append(db.sql, [n]);
        relay.kick();
        await until(() => log.published.length === n + 1);
      }
    });
    // Once past all the entries that are left of it, and then not again. Through the primary key it were all of it 40 times.
    expect(entries).toBeLessThan(4 * DRAINED);
  });
});

describe("on a young outbox", () => {
  test("the relay reads by its indexes from the first event on, so that its batches do not cost more and more", async () => {
    const log = new WatchedLog();
    const { entries, rows } = await readByRelay(log, 10, async (relay) => {
      for (let n = 0; n < 40; n++) {
        await append(db.sql, [n]);
        relay.kick();
        await until(() => log.published.length === n + 1);
      }
    });
    expect(entries).toBeGreaterThanOrEqual(40);
    expect(rows).toBe(0);
  });
});
