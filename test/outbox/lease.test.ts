import { afterAll, beforeAll, expect, test } from "bun:test";
import { openSession, type Session } from "../../src/db/session.ts";
import { LeadershipLostError, Lease } from "../../src/outbox/lease.ts";
import { tryLead } from "../../src/outbox/lock.ts";
import { until } from "../../src/outbox/outbox.fixture.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";

const LEASE_MS = 1_000;

let db: TestDatabase;
const sessions: Session[] = [];
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await db.drop();
});

async function open(): Promise<Session> {
  const session = await openSession(db.url, "aetherlink_relay", { onLost() {}, onNotification() {} });
  sessions.push(session);
  return session;
}

/** A new leader, once the last one's session has let go of the lock. */
async function lead(): Promise<{ session: Session; lease: Lease }> {
  const session = await open();
  await until(() => tryLead(session.sql));
  const lease = new Lease(session, LEASE_MS);
  await lease.begin();
  return { session, lease };
}

test("a leader that lives keeps its lead for many times the lease", async () => {
  const session = await open();
  expect(await tryLead(session.sql)).toBe(true);
  const lease = new Lease(session, LEASE_MS);
  await lease.begin();
  await Bun.sleep(2.5 * LEASE_MS);
  lease.assert();
  expect(await tryLead((await open()).sql)).toBe(false);
  lease.end();
  await session.close();
});

test("a leader that slept has lost its lead, knows it before it says anything, and another one leads", async () => {
  const { session, lease } = await lead();
  const other = await open();
  // What SIGSTOP does to it: no timer runs, no answer is read.
  Bun.sleepSync(1.2 * LEASE_MS);
  expect(() => lease.assert()).toThrow(LeadershipLostError);
  await until(() => tryLead(other.sql));
  expect(session.sql`select 1`).rejects.toThrow();
  await until(() => !session.isOpen);
  lease.end();
  await other.close();
});

test("a leader that is gone between two messages of a statement loses its lead like one that is gone between two statements", async () => {
  const { session, lease } = await lead();
  const other = await open();
  // To the database the same: it waits for what comes next in a transaction, and the session is not idle.
  await session.sql.unsafe("begin");
  // Nothing is said from here on, not even that it gives up.
  lease.end();
  await until(() => tryLead(other.sql));
  await until(() => !session.isOpen);
  await other.close();
});

test("a leader whose database does not answer any more gives up its session after the lease", async () => {
  const { session, lease } = await lead();
  const stuck = session.sql`select pg_sleep(2)`.then(
    () => "answered",
    () => "failed",
  );
  expect(await stuck).toBe("failed");
  expect(() => lease.assert()).toThrow(LeadershipLostError);
  lease.end();
});
