import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession, type Session } from "../db/session.ts";
import { decide, listDeadLetters } from "./dead-letters.ts";
import { RelayLeader } from "./leader.ts";
import { append, WatchedLog } from "./outbox.fixture.ts";
import type { Settlement } from "./settle.ts";
import { selectBacklog } from "./sql.ts";
import { SessionOutbox } from "./store.ts";

/** The steps of a leader on a real outbox, one by one, with a clock that the test turns. */

let db: TestDatabase;
let session: Session;
let now = 0;
let isLeading = true;
let log: WatchedLog;
let settlements: Settlement[] = [];
beforeAll(async () => {
  db = await testDatabase();
  session = await openSession(db.url, "aetherlink_relay", { onLost() {}, onNotification() {} });
});
beforeEach(() => {
  log = new WatchedLog();
  now = 0;
  isLeading = true;
  settlements = [];
});
afterEach(async () => {
  await db.sql`truncate outbox_events, outbox_blocked, outbox_audit`;
});
afterAll(async () => {
  await session.close();
  await db.drop();
});

async function lead(
  batch = 100,
  outbox = new SessionOutbox(session.sql),
  isAwaited = () => false,
): Promise<RelayLeader> {
  const leader = new RelayLeader({
    outbox,
    isAwaited,
    log,
    batch,
    clock: () => now,
    assertLeading: () => {
      if (!isLeading) throw new Error("the lead is lost");
    },
    settled: (settlement) => settlements.push(settlement),
  });
  await leader.begin();
  return leader;
}

/** Steps and tries again until nothing is left to do at this moment. */
async function drain(leader: RelayLeader): Promise<void> {
  for (;;) {
    const { more, interruption } = await leader.step();
    if (interruption !== undefined) return;
    if (!more && !(await leader.retry()).more) break;
  }
  await leader.end();
}

/** Turns the clock to the next time at which the leader wants to try again. */
async function drainWhenDue(leader: RelayLeader): Promise<void> {
  now += leader.nextRetryMs;
  await drain(leader);
}

interface Row {
  retry_count: number;
  last_error: string | null;
  is_published: boolean;
  held: boolean;
  is_dead: boolean;
}
async function rowOf(eventId: string | undefined): Promise<Row | undefined> {
  const [row] = await db.sql<Row[]>`
    select retry_count, last_error, published_at is not null as is_published, held, dead_at is not null as is_dead
    from outbox_events where event_id = ${eventId ?? ""}`;
  return row;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("while writers keep it busy", () => {
  /** Its records wait for a gate, or fail. */
  class SlowOutbox extends SessionOutbox {
    gate: Promise<void> | undefined;
    failures = 0;
    override async record(...args: Parameters<SessionOutbox["record"]>): Promise<void> {
      await this.gate;
      if (this.failures > 0) {
        this.failures--;
        throw new Error("the database takes no writes");
      }
      await super.record(...args);
    }
  }

  /** Publishes three events, while which two more are committed; what it looks for next, it does before it records. */
  async function busy(outbox: SlowOutbox, isAwaited: () => boolean): Promise<RelayLeader> {
    const leader = await lead(5, outbox, isAwaited);
    await append(db.sql, range(0, 3));
    const publishing = Promise.withResolvers<void>();
    log.gate = publishing.promise;
    const step = leader.step();
    await log.asked.promise;
    await append(db.sql, range(3, 5));
    publishing.resolve();
    expect(await step).toMatchObject({ published: 3 });
    return leader;
  }

  test("the next events are published while the last are not recorded yet, and none twice", async () => {
    const outbox = new SlowOutbox(session.sql);
    const gate = Promise.withResolvers<void>();
    outbox.gate = gate.promise;
    let isAwaited = true;
    const leader = await busy(outbox, () => isAwaited);
    isAwaited = false;
    const second = leader.step();
    while (log.published.length < 5) await Bun.sleep(1);
    expect((await selectBacklog(db.sql)).events).toBe(5);
    gate.resolve();
    // It was no look behind all that is committed by then.
    expect(await second).toMatchObject({ published: 2, more: true });
    await append(db.sql, range(5, 12));
    await drain(leader);
    expect(log.numbers).toEqual(range(0, 12));
    expect((await selectBacklog(db.sql)).events).toBe(0);
  });

  test("what was published and could not be recorded is not published again by the look that was made before", async () => {
    const outbox = new SlowOutbox(session.sql);
    outbox.failures = 2;
    let isAwaited = true;
    const leader = await busy(outbox, () => isAwaited);
    isAwaited = false;
    for (let tries = 0; tries < 2; tries++) await expect(leader.step()).rejects.toThrow("takes no writes");
    await drain(leader);
    expect(log.numbers).toEqual(range(0, 5));
    expect((await selectBacklog(db.sql)).events).toBe(0);
  });
});

describe("a pass through a backlog", () => {
  /** A leader that has published the numbers 0 to 4 and knows that there is more. */
  async function behind(): Promise<RelayLeader> {
    await append(db.sql, range(0, 9));
    const leader = await lead(5);
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    return leader;
  }

  test("is followed by a look from the beginning: what committed late with a lower id is published too", async () => {
    const leader = await behind();
    await db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof db.sql, [100]);
      await append(db.sql, range(9, 18));
      expect(await leader.step()).toMatchObject({ published: 5, more: true });
    });
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    expect(await leader.step()).toMatchObject({ published: 3, more: true });
    expect(log.numbers).toEqual(range(0, 18));
    expect(await leader.step()).toMatchObject({ published: 1, more: false });
    await leader.end();
    expect(log.numbers).toEqual([...range(0, 18), 100]);
  });

  test("ends with the lead: what was read ahead is not published by one that lost it since", async () => {
    const leader = await behind();
    await append(db.sql, range(9, 18));
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    isLeading = false;
    await expect(leader.step()).rejects.toThrow("the lead is lost");
    expect(log.numbers).toEqual(range(0, 10));
  });

  test("never publishes an event in front of one of its aggregate that committed late with a lower id", async () => {
    const leader = await behind();
    const late = crypto.randomUUID();
    await db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof db.sql, [100], late);
      await append(db.sql, range(9, 18));
      expect(await leader.step()).toMatchObject({ published: 5, more: true });
    });
    await append(db.sql, [101], late);
    await append(db.sql, range(18, 30));
    await drain(leader);
    expect(log.numbers.filter((n) => n >= 100)).toEqual([100, 101]);
    expect(log.numbers.toSorted((x, y) => x - y)).toEqual([...range(0, 30), 100, 101]);
  });

  test("ends after a while however much there is, so that what committed late does not wait for all of it", async () => {
    const leader = await behind();
    await db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof db.sql, [100]);
      await append(db.sql, range(9, 60));
      await leader.step();
    });
    for (let steps = 0; steps < 5; steps++) {
      now += 100;
      await leader.step();
    }
    await leader.end();
    expect(log.numbers).toContain(100);
    expect(log.numbers.length).toBeLessThan(40);
    await drain(leader);
    expect(log.numbers.toSorted((a, b) => a - b)).toEqual([...range(0, 60), 100]);
  });
});

describe("an event that the log refuses", () => {
  test("is charged with its error; later events of its aggregate wait, all others flow", async () => {
    const aggregate = crypto.randomUUID();
    const [bad, behind] = await append(db.sql, [1, 2], aggregate);
    await append(db.sql, [10, 11]);
    log.poison.add(1);
    const leader = await lead();
    await drain(leader);
    await append(db.sql, [3], aggregate);
    await append(db.sql, [12]);
    await drain(leader);
    expect(log.numbers).toEqual([10, 11, 12]);
    expect(await rowOf(bad)).toEqual({
      retry_count: 1,
      last_error: "this log does not like it",
      is_published: false,
      held: true,
      is_dead: false,
    });
    expect(await rowOf(behind)).toMatchObject({ retry_count: 0, last_error: null, is_published: false, held: true });
  });

  test("is tried five times, each time twice as late, and is a dead letter then", async () => {
    const [bad] = await append(db.sql, [1]);
    log.poison.add(1);
    const leader = await lead();
    await drain(leader);
    const waits: number[] = [];
    while (leader.nextRetryMs !== Number.POSITIVE_INFINITY) {
      waits.push(leader.nextRetryMs);
      // A moment too early does nothing.
      now += leader.nextRetryMs - 1;
      await drain(leader);
      expect(log.refusals).toBe(waits.length);
      now += 1;
      await drain(leader);
      now += 50;
      await drain(leader);
    }
    expect(log.refusals).toBe(5);
    expect(waits).toHaveLength(4);
    expect(await rowOf(bad)).toMatchObject({ retry_count: 5, is_dead: true, is_published: false });
    now += 86_400_000;
    await drain(leader);
    expect(log.refusals).toBe(5);
    expect(await selectBacklog(db.sql)).toMatchObject({
      events: 1,
      held: 1,
      oldestPendingSeconds: 0,
      deadLetters: 1,
      blockedAggregates: 1,
    });
  });

  test("is published with all that waits behind it, in order, when the log takes it at last", async () => {
    const aggregate = crypto.randomUUID();
    await append(db.sql, [1, 2], aggregate);
    log.poison.add(1);
    const leader = await lead(2);
    await drain(leader);
    await append(db.sql, range(3, 9), aggregate);
    await drain(leader);
    expect(log.numbers).toEqual([]);
    log.poison.clear();
    await drainWhenDue(leader);
    expect(log.numbers).toEqual(range(1, 9));
    expect(await selectBacklog(db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
    await append(db.sql, [9], aggregate);
    await drain(leader);
    expect(log.numbers).toEqual(range(1, 10));
  });

  test("in the middle of a full batch, with the next one read already, lets nothing of its aggregate pass", async () => {
    const bad = crypto.randomUUID();
    for (const n of range(0, 30)) await append(db.sql, [n], n % 3 === 1 ? bad : undefined);
    log.poison.add(4);
    const leader = await lead(5);
    await drain(leader);
    const mine = range(0, 30).filter((n) => n % 3 === 1);
    expect(log.numbers.filter((n) => mine.includes(n))).toEqual([1]);
    expect(log.numbers.filter((n) => !mine.includes(n))).toEqual(range(0, 30).filter((n) => !mine.includes(n)));
    log.poison.clear();
    await drainWhenDue(leader);
    expect(log.numbers.filter((n) => mine.includes(n))).toEqual(mine);
    expect(log.numbers).toHaveLength(30);
  });

  test("blocks its aggregate for the next leader as well", async () => {
    const aggregate = crypto.randomUUID();
    await append(db.sql, [1, 2], aggregate);
    log.poison.add(1);
    await drain(await lead());
    await append(db.sql, [3], aggregate);
    const next = await lead();
    log.poison.add(2);
    await drain(next);
    expect(log.numbers).toEqual([]);
    log.poison.clear();
    await drainWhenDue(next);
    expect(log.numbers).toEqual([1, 2, 3]);
  });

  test("does not keep twenty-five other blocked aggregates from being tried", async () => {
    for (const n of range(0, 25)) await append(db.sql, [n]);
    for (const n of range(0, 25)) log.poison.add(n);
    const leader = await lead();
    await drain(leader);
    log.poison.clear();
    log.poison.add(0);
    await drainWhenDue(leader);
    expect(log.numbers.toSorted((a, b) => a - b)).toEqual(range(1, 25));
  });
});

describe("a dead letter", () => {
  /** An aggregate whose event 1 is a dead letter, with 2 and 3 behind it. */
  async function deadLetter(): Promise<{ eventId: string; leader: RelayLeader }> {
    const [eventId = ""] = await append(db.sql, [1, 2, 3], crypto.randomUUID());
    log.poison.add(1);
    const leader = await lead();
    await drain(leader);
    while (leader.nextRetryMs !== Number.POSITIVE_INFINITY) {
      await drainWhenDue(leader);
      now += 50;
      await drain(leader);
    }
    expect((await listDeadLetters(db.sql, 10)).data).toMatchObject([{ eventId, tries: 5, waiting: 2 }]);
    return { eventId, leader };
  }

  test("that is requeued gets five new tries, and is published in front of what waited", async () => {
    const { eventId, leader } = await deadLetter();
    log.poison.clear();
    await decide(db.sql, eventId, { action: "requeue", actor: "me" });
    now += 50;
    await drain(leader);
    expect(log.numbers).toEqual([1, 2, 3]);
    expect(await selectBacklog(db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
  });

  test("that is requeued and refused again is a dead letter again after five tries more", async () => {
    const { eventId, leader } = await deadLetter();
    await decide(db.sql, eventId, { action: "requeue", actor: "me" });
    for (let look = 0; look < 20; look++) {
      now += 5_000;
      await drain(leader);
    }
    expect(log.refusals).toBe(10);
    expect((await listDeadLetters(db.sql, 10)).data).toMatchObject([{ eventId, tries: 5 }]);
    expect(log.numbers).toEqual([]);
  });

  test("that is discarded is never published; what waited behind it is", async () => {
    const { eventId, leader } = await deadLetter();
    log.poison.clear();
    await decide(db.sql, eventId, { action: "discard", actor: "me" });
    now += 50;
    await drain(leader);
    expect(log.numbers).toEqual([2, 3]);
    expect(await selectBacklog(db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
    await drain(await lead());
    expect(log.numbers).toEqual([2, 3]);
  });
});

describe("a log that is away", () => {
  test("charges no event, however often, and nothing is lost or reordered", async () => {
    const ids = await append(db.sql, range(0, 12), crypto.randomUUID());
    const leader = await lead(5);
    log.failures = 50;
    for (let failure = 0; failure < 50; failure++) {
      expect((await leader.step()).interruption?.message).toBe("the log is away");
    }
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ retry_count: 0, last_error: null, held: false });
    await drain(leader);
    expect(log.numbers).toEqual(range(0, 12));
    expect(settlements.flatMap((settlement) => settlement.refused)).toEqual([]);
  });

  test("does not charge a refused event either while it is away", async () => {
    const [bad] = await append(db.sql, [1]);
    log.poison.add(1);
    const leader = await lead();
    await drain(leader);
    log.failures = 1;
    now += leader.nextRetryMs;
    expect((await leader.retry()).interruption?.message).toBe("the log is away");
    expect(await rowOf(bad)).toMatchObject({ retry_count: 1 });
  });
});

describe("a database that refuses writes", () => {
  test("makes no repeats: what was published is recorded first of all when it takes writes again", async () => {
    await append(db.sql, range(0, 30));
    const leader = await lead(5);
    const readOnly = (on: boolean) => session.sql.unsafe(`set default_transaction_read_only = ${on}`);
    await readOnly(true);
    for (let attempt = 0; attempt < 5; attempt++) {
      await leader
        .step()
        .then(
          () => leader.end(),
          (error: Error) => expect(error.message).toContain("read-only transaction"),
        )
        .catch((error: Error) => expect(error.message).toContain("read-only transaction"));
    }
    expect(log.numbers.length).toBeGreaterThan(0);
    expect(log.numbers.length).toBeLessThan(35);
    expect((await selectBacklog(db.sql)).events).toBe(30);
    await readOnly(false);
    await drain(leader);
    expect(log.numbers).toEqual(range(0, 30));
    expect((await selectBacklog(db.sql)).events).toBe(0);
  });
});

describe("a leader that lost its lead while the log was at work", () => {
  test("records nothing: the next one publishes again, and nothing is lost", async () => {
    await append(db.sql, [1, 2]);
    const leader = await lead();
    const gate = Promise.withResolvers<void>();
    log.gate = gate.promise;
    const step = leader.step();
    await log.asked.promise;
    isLeading = false;
    gate.resolve();
    await expect(step).rejects.toThrow("the lead is lost");
    expect((await selectBacklog(db.sql)).events).toBe(2);
    isLeading = true;
    await drain(await lead());
    expect(log.numbers).toEqual([1, 2, 1, 2]);
    expect((await selectBacklog(db.sql)).events).toBe(0);
  });

  test("charges nothing to an event that was refused", async () => {
    const [bad] = await append(db.sql, [1]);
    log.poison.add(1);
    const leader = await lead();
    const gate = Promise.withResolvers<void>();
    log.gate = gate.promise;
    const step = leader.step();
    await log.asked.promise;
    isLeading = false;
    gate.resolve();
    await expect(step).rejects.toThrow("the lead is lost");
    expect(await rowOf(bad)).toMatchObject({ retry_count: 0, held: false });
  });
});

test("recording a batch twice is the same as once", async () => {
  const [bad] = await append(db.sql, [1, 2], crypto.randomUUID());
  await append(db.sql, [3]);
  log.poison.add(1);
  await drain(await lead());
  const outbox = new SessionOutbox(session.sql);
  const before = await db.sql`select * from outbox_events order by id`;
  for (const settlement of settlements) await outbox.record(settlement);
  expect(await db.sql`select * from outbox_events order by id`).toEqual(before);
  expect(await rowOf(bad)).toMatchObject({ retry_count: 1 });
});
