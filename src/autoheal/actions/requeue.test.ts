import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../../test/support/postgres.ts";
import { openSession } from "../../db/session.ts";
import { listDeadLetters, Relay } from "../../outbox/index.ts";
import { append, WatchedLog } from "../../outbox/outbox.fixture.ts";
import { silent } from "../autoheal.fixture.ts";
import { requeue } from "./requeue.ts";

let db: TestDatabase;
let log: WatchedLog;
let relay: Relay;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate outbox_events, outbox_blocked, outbox_audit`;
  log = new WatchedLog();
  relay = new Relay({
    openSession: (events) => openSession(db.url, "aetherlink_relay", events),
    log,
    logger: silent,
    batch: 10,
    pollMs: 20,
  });
});
afterEach(() => relay.stop());

const dead = async () => (await listDeadLetters(db.sql, 200)).data.length;
/** Dead letters, each of an aggregate of its own, as a relay leaves them; then one that starts. */
const die = async (numbers: number[]) => {
  for (const n of numbers) await append(db.sql, [n]);
  await db.sql`update outbox_events set held = true, retry_count = 5, last_error = 'x', dead_at = now()`;
  await db.sql`
    insert into outbox_blocked (tenant_id, aggregate_id, dead) select tenant_id, aggregate_id, true from outbox_events`;
  relay.start();
};
const now = (limit: number, signal = new AbortController().signal) => requeue(db.sql, limit, "d1", signal);

test("as many as the limit says, the oldest first, are requeued in autoheal's name, and have helped when all were published", async () => {
  await die([1, 2, 3]);
  expect(await now(2)).toEqual({ detail: "requeued: 2, died again: 0, still waiting: 0", helped: true });
  expect(log.numbers.toSorted()).toEqual([1, 2]);
  expect(await dead()).toBe(1);
  const rows = await db.sql`select actor, action, reason from outbox_audit`;
  expect(rows).toHaveLength(2);
  expect(rows[0]).toEqual({ actor: "autoheal", action: "requeue", reason: "decision d1" });
  expect(await now(20)).toMatchObject({ helped: true });
  expect(await now(20)).toEqual({ detail: "there were no dead letters", helped: true });
}, 30_000);

test("have not helped when they died again", async () => {
  log.poison.add(7);
  await die([7]);
  expect(await now(20)).toEqual({ detail: "requeued: 1, died again: 1, still waiting: 0", helped: false });
}, 30_000);

test("nor when nothing takes them, which is not waited for once the lead is lost", async () => {
  await die([8]);
  await relay.stop();
  const abort = new AbortController();
  const waiting = now(20, abort.signal);
  abort.abort();
  expect(await waiting).toEqual({ detail: "requeued: 1, died again: 0, still waiting: 1", helped: false });
}, 30_000);
