import { describe, expect, test } from "bun:test";
import { decide, listDeadLetters } from "./dead-letters.ts";
import { drain, LeaderWorld, range } from "./leader.fixture.ts";
import type { RelayLeader } from "./leader.ts";
import { append } from "./outbox.fixture.ts";
import { selectBacklog } from "./sql.ts";
import { SessionOutbox } from "./store.ts";

/** What becomes of events that are refused, and of a log, a database or a lead that is lost. */

const world = LeaderWorld.ofFile();

interface Row {
  retry_count: number;
  last_error: string | null;
  is_published: boolean;
  held: boolean;
  is_dead: boolean;
}
async function rowOf(eventId: string | undefined): Promise<Row | undefined> {
  const [row] = await world.db.sql<Row[]>`
    select retry_count, last_error, published_at is not null as is_published, held, dead_at is not null as is_dead
    from outbox_events where event_id = ${eventId ?? ""}`;
  return row;
}

describe("an event that the log refuses", () => {
  test("is charged with its error; later events of its aggregate wait, all others flow", async () => {
    const aggregate = crypto.randomUUID();
    const [bad, behind] = await append(world.db.sql, [1, 2], aggregate);
    await append(world.db.sql, [10, 11]);
    world.log.poison.add(1);
    const leader = await world.lead();
    await drain(leader);
    await append(world.db.sql, [3], aggregate);
    await append(world.db.sql, [12]);
    await drain(leader);
    expect(world.log.numbers).toEqual([10, 11, 12]);
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
    const [bad] = await append(world.db.sql, [1]);
    world.log.poison.add(1);
    const leader = await world.lead();
    await drain(leader);
    const waits: number[] = [];
    while (leader.nextRetryMs !== Number.POSITIVE_INFINITY) {
      waits.push(leader.nextRetryMs);
      // A moment too early does nothing.
      world.now += leader.nextRetryMs - 1;
      await drain(leader);
      expect(world.log.refusals).toBe(waits.length);
      world.now += 1;
      await drain(leader);
      world.now += 50;
      await drain(leader);
    }
    expect(world.log.refusals).toBe(5);
    expect(waits).toHaveLength(4);
    expect(await rowOf(bad)).toMatchObject({ retry_count: 5, is_dead: true, is_published: false });
    world.now += 86_400_000;
    await drain(leader);
    expect(world.log.refusals).toBe(5);
    expect(await selectBacklog(world.db.sql)).toMatchObject({
      events: 1,
      held: 1,
      oldestPendingSeconds: 0,
      deadLetters: 1,
      blockedAggregates: 1,
    });
  });

  test("is published with all that waits behind it, in order, when the log takes it at last", async () => {
    const aggregate = crypto.randomUUID();
    await append(world.db.sql, [1, 2], aggregate);
    world.log.poison.add(1);
    const leader = await world.lead(2);
    await drain(leader);
    await append(world.db.sql, range(3, 9), aggregate);
    await drain(leader);
    expect(world.log.numbers).toEqual([]);
    world.log.poison.clear();
    await world.drainWhenDue(leader);
    expect(world.log.numbers).toEqual(range(1, 9));
    expect(await selectBacklog(world.db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
    await append(world.db.sql, [9], aggregate);
    await drain(leader);
    expect(world.log.numbers).toEqual(range(1, 10));
  });

  test("in the middle of a full batch, with the next one read already, lets nothing of its aggregate pass", async () => {
    const bad = crypto.randomUUID();
    for (const n of range(0, 30)) await append(world.db.sql, [n], n % 3 === 1 ? bad : undefined);
    world.log.poison.add(4);
    const leader = await world.lead(5);
    await drain(leader);
    const mine = range(0, 30).filter((n) => n % 3 === 1);
    expect(world.log.numbers.filter((n) => mine.includes(n))).toEqual([1]);
    expect(world.log.numbers.filter((n) => !mine.includes(n))).toEqual(range(0, 30).filter((n) => !mine.includes(n)));
    world.log.poison.clear();
    await world.drainWhenDue(leader);
    expect(world.log.numbers.filter((n) => mine.includes(n))).toEqual(mine);
    expect(world.log.numbers).toHaveLength(30);
  });

  test("blocks its aggregate for the next leader as well", async () => {
    const aggregate = crypto.randomUUID();
    await append(world.db.sql, [1, 2], aggregate);
    world.log.poison.add(1);
    await drain(await world.lead());
    await append(world.db.sql, [3], aggregate);
    const next = await world.lead();
    world.log.poison.add(2);
    await drain(next);
    expect(world.log.numbers).toEqual([]);
    world.log.poison.clear();
    await world.drainWhenDue(next);
    expect(world.log.numbers).toEqual([1, 2, 3]);
  });

  test("does not keep twenty-five other blocked aggregates from being tried", async () => {
    for (const n of range(0, 25)) await append(world.db.sql, [n]);
    for (const n of range(0, 25)) world.log.poison.add(n);
    const leader = await world.lead();
    await drain(leader);
    world.log.poison.clear();
    world.log.poison.add(0);
    await world.drainWhenDue(leader);
    expect(world.log.numbers.toSorted((a, b) => a - b)).toEqual(range(1, 25));
  });
});

describe("a dead letter", () => {
  /** An aggregate whose event 1 is a dead letter, with 2 and 3 behind it. */
  async function deadLetter(): Promise<{ eventId: string; leader: RelayLeader }> {
    const [eventId = ""] = await append(world.db.sql, [1, 2, 3], crypto.randomUUID());
    world.log.poison.add(1);
    const leader = await world.lead();
    await drain(leader);
    while (leader.nextRetryMs !== Number.POSITIVE_INFINITY) {
      await world.drainWhenDue(leader);
      world.now += 50;
      await drain(leader);
    }
    expect((await listDeadLetters(world.db.sql, 10)).data).toMatchObject([{ eventId, tries: 5, waiting: 2 }]);
    return { eventId, leader };
  }

  test("that is requeued gets five new tries, and is published in front of what waited", async () => {
    const { eventId, leader } = await deadLetter();
    world.log.poison.clear();
    await decide(world.db.sql, eventId, { action: "requeue", actor: "me" });
    world.now += 50;
    await drain(leader);
    expect(world.log.numbers).toEqual([1, 2, 3]);
    expect(await selectBacklog(world.db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
  });

  test("that is requeued and refused again is a dead letter again after five tries more", async () => {
    const { eventId, leader } = await deadLetter();
    await decide(world.db.sql, eventId, { action: "requeue", actor: "me" });
    for (let look = 0; look < 20; look++) {
      world.now += 5_000;
      await drain(leader);
    }
    expect(world.log.refusals).toBe(10);
    expect((await listDeadLetters(world.db.sql, 10)).data).toMatchObject([{ eventId, tries: 5 }]);
    expect(world.log.numbers).toEqual([]);
  });

  test("that is discarded is never published; what waited behind it is", async () => {
    const { eventId, leader } = await deadLetter();
    world.log.poison.clear();
    await decide(world.db.sql, eventId, { action: "discard", actor: "me" });
    world.now += 50;
    await drain(leader);
    expect(world.log.numbers).toEqual([2, 3]);
    expect(await selectBacklog(world.db.sql)).toMatchObject({ events: 0, deadLetters: 0, blockedAggregates: 0 });
    await drain(await world.lead());
    expect(world.log.numbers).toEqual([2, 3]);
  });
});

describe("a log that is away", () => {
  test("charges no event, however often, and nothing is lost or reordered", async () => {
    const ids = await append(world.db.sql, range(0, 12), crypto.randomUUID());
    const leader = await world.lead(5);
    world.log.failures = 50;
    for (let failure = 0; failure < 50; failure++) {
      expect((await leader.step()).interruption?.message).toBe("the log is away");
    }
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ retry_count: 0, last_error: null, held: false });
    await drain(leader);
    expect(world.log.numbers).toEqual(range(0, 12));
    expect(world.settlements.flatMap((settlement) => settlement.refused)).toEqual([]);
  });

  test("does not charge a refused event either while it is away", async () => {
    const [bad] = await append(world.db.sql, [1]);
    world.log.poison.add(1);
    const leader = await world.lead();
    await drain(leader);
    world.log.failures = 1;
    world.now += leader.nextRetryMs;
    expect((await leader.retry()).interruption?.message).toBe("the log is away");
    expect(await rowOf(bad)).toMatchObject({ retry_count: 1 });
  });
});

describe("a database that refuses writes", () => {
  test("makes no repeats: what was published is recorded first of all when it takes writes again", async () => {
    await append(world.db.sql, range(0, 30));
    const leader = await world.lead(5);
    const readOnly = (on: boolean) => world.session.sql.unsafe(`set default_transaction_read_only = ${on}`);
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
    expect(world.log.numbers.length).toBeGreaterThan(0);
    expect(world.log.numbers.length).toBeLessThan(35);
    expect((await selectBacklog(world.db.sql)).events).toBe(30);
    await readOnly(false);
    await drain(leader);
    expect(world.log.numbers).toEqual(range(0, 30));
    expect((await selectBacklog(world.db.sql)).events).toBe(0);
  });
});

describe("a leader that lost its lead while the log was at work", () => {
  test("records nothing: the next one publishes again, and nothing is lost", async () => {
    await append(world.db.sql, [1, 2]);
    const leader = await world.lead();
    const gate = Promise.withResolvers<void>();
    world.log.gate = gate.promise;
    const step = leader.step();
    await world.log.asked.promise;
    world.isLeading = false;
    gate.resolve();
    await expect(step).rejects.toThrow("the lead is lost");
    expect((await selectBacklog(world.db.sql)).events).toBe(2);
    world.isLeading = true;
    await drain(await world.lead());
    expect(world.log.numbers).toEqual([1, 2, 1, 2]);
    expect((await selectBacklog(world.db.sql)).events).toBe(0);
  });

  test("charges nothing to an event that was refused", async () => {
    const [bad] = await append(world.db.sql, [1]);
    world.log.poison.add(1);
    const leader = await world.lead();
    const gate = Promise.withResolvers<void>();
    world.log.gate = gate.promise;
    const step = leader.step();
    await world.log.asked.promise;
    world.isLeading = false;
    gate.resolve();
    await expect(step).rejects.toThrow("the lead is lost");
    expect(await rowOf(bad)).toMatchObject({ retry_count: 0, held: false });
  });
});

test("recording a batch twice is the same as once", async () => {
  const [bad] = await append(world.db.sql, [1, 2], crypto.randomUUID());
  await append(world.db.sql, [3]);
  world.log.poison.add(1);
  await drain(await world.lead());
  const outbox = new SessionOutbox(world.session.sql);
  const before = await world.db.sql`select * from outbox_events order by id`;
  for (const settlement of world.settlements) await outbox.record(settlement);
  expect(await world.db.sql`select * from outbox_events order by id`).toEqual(before);
  expect(await rowOf(bad)).toMatchObject({ retry_count: 1 });
});
