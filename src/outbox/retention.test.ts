import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { append } from "./outbox.fixture.ts";
import { deleteExpired, RETENTION_LOCK } from "./retention.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  await db.sql`truncate outbox_events`;
});
afterAll(() => db.drop());

/** Events 0, 1, 2, … that ended so many hours ago; null for one that did not end. */
async function events(hoursAgo: (number | null)[], column = "published_at"): Promise<void> {
  const ids = await append(
    db.sql,
    hoursAgo.map((_, n) => n),
  );
  for (const [i, hours] of hoursAgo.entries()) {
    await db.sql`
      update outbox_events set ${db.sql(column)} = now() - ${hours} * interval '1 hour', occurred_at = now() - interval '1 year'
      where event_id = ${ids[i] ?? ""}`;
  }
}
async function left(): Promise<number[]> {
  const rows = await db.sql<{ n: number }[]>`select (payload #>> '{data,n}')::int as n from outbox_events order by id`;
  return rows.map(({ n }) => n);
}

test.each(["published_at", "discarded_at"])(
  "deletes what has had its time since %s, and nothing else",
  async (column) => {
    await events([30, 25, 23, 1, 0], column);
    expect(await deleteExpired(db.sql, 24)).toBe(2);
    expect(await left()).toEqual([2, 3, 4]);
    expect(await deleteExpired(db.sql, 24)).toBe(0);
  },
);

test("never deletes an event that is not published, however old, and goes on behind it", async () => {
  await events([30, null, 30, null, null, 30, 1]);
  expect(await deleteExpired(db.sql, 24, undefined, 2)).toBe(3);
  expect(await left()).toEqual([1, 3, 4, 6]);
});

test("deletes in batches, and ends at the first that is too young", async () => {
  await events([30, 30, 30, 30, 30, 1, 1, 1, 30]);
  expect(await deleteExpired(db.sql, 24, undefined, 2)).toBe(5);
  expect(await left()).toEqual([5, 6, 7, 8]);
});

test("ends when it is told to, after the batch under way", async () => {
  await events([30, 30, 30, 30]);
  const stop = new AbortController();
  const deleted = deleteExpired(db.sql, 24, stop.signal, 2);
  stop.abort();
  expect(await deleted).toBe(2);
  expect(await left()).toEqual([2, 3]);
});

test("leaves the rows to another server that is deleting them, for two would wait for each other", async () => {
  await events([30, 30, 30]);
  await db.sql.begin(async (other) => {
    await other`select pg_advisory_xact_lock(${RETENTION_LOCK})`;
    expect(await deleteExpired(db.sql, 24)).toBe(0);
  });
  expect(await left()).toEqual([0, 1, 2]);
  const [one, another] = await Promise.all([
    deleteExpired(db.sql, 24, undefined, 2),
    deleteExpired(db.sql, 24, undefined, 1),
  ]);
  expect(one + another).toBe(3);
});
