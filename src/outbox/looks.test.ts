import { describe, expect, test } from "bun:test";
import { drain, LeaderWorld, range } from "./leader.fixture.ts";
import type { RelayLeader } from "./leader.ts";
import { append, until } from "./outbox.fixture.ts";
import { selectBacklog } from "./sql.ts";
import { SessionOutbox } from "./store.ts";

/** What a leader reads next, and when. */

const world = LeaderWorld.ofFile();

describe("a pass through a backlog", () => {
  /** A leader that has published the numbers 0 to 4 and knows that there is more. */
  async function behind(): Promise<RelayLeader> {
    await append(world.db.sql, range(0, 9));
    const leader = await world.lead(5);
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    return leader;
  }

  test("is followed by a look from the beginning: what committed late with a lower id is published too", async () => {
    const leader = await behind();
    await world.db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof world.db.sql, [100]);
      await append(world.db.sql, range(9, 18));
      expect(await leader.step()).toMatchObject({ published: 5, more: true });
    });
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    expect(await leader.step()).toMatchObject({ published: 3, more: true });
    expect(world.log.numbers).toEqual(range(0, 18));
    expect(await leader.step()).toMatchObject({ published: 1, more: false });
    await leader.end();
    expect(world.log.numbers).toEqual([...range(0, 18), 100]);
  });

  test("ends with the lead: what was read ahead is not published by one that lost it since", async () => {
    const leader = await behind();
    await append(world.db.sql, range(9, 18));
    expect(await leader.step()).toMatchObject({ published: 5, more: true });
    world.isLeading = false;
    await expect(leader.step()).rejects.toThrow("the lead is lost");
    expect(world.log.numbers).toEqual(range(0, 10));
  });

  test("never publishes an event in front of one of its aggregate that committed late with a lower id", async () => {
    const leader = await behind();
    const late = crypto.randomUUID();
    await world.db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof world.db.sql, [100], late);
      await append(world.db.sql, range(9, 18));
      expect(await leader.step()).toMatchObject({ published: 5, more: true });
    });
    await append(world.db.sql, [101], late);
    await append(world.db.sql, range(18, 30));
    await drain(leader);
    expect(world.log.numbers.filter((n) => n >= 100)).toEqual([100, 101]);
    expect(world.log.numbers.toSorted((x, y) => x - y)).toEqual([...range(0, 30), 100, 101]);
  });

  test("ends after a while however much there is, so that what committed late does not wait for all of it", async () => {
    const leader = await behind();
    await world.db.sql.begin(async (tx) => {
      await append(tx as unknown as typeof world.db.sql, [100]);
      await append(world.db.sql, range(9, 60));
      await leader.step();
    });
    for (let steps = 0; steps < 5; steps++) {
      world.now += 100;
      await leader.step();
    }
    await leader.end();
    expect(world.log.numbers).toContain(100);
    expect(world.log.numbers.length).toBeLessThan(40);
    await drain(leader);
    expect(world.log.numbers.toSorted((a, b) => a - b)).toEqual([...range(0, 60), 100]);
  });

  test("goes on publishing while the last batch is being recorded: it waits for the one before, and not for its own", async () => {
    const gates = range(0, 4).map(() => Promise.withResolvers<void>());
    const recorded: number[] = [];
    class GatedOutbox extends SessionOutbox {
      override async record(settlement: Parameters<SessionOutbox["record"]>[0]): Promise<void> {
        const turn = recorded.push(settlement.published.length) - 1;
        await gates[turn]?.promise;
        await super.record(settlement);
      }
    }
    await append(world.db.sql, range(0, 22));
    const leader = await world.lead(5, { outbox: new GatedOutbox(world.session.sql) });
    // The first does not know yet that there is more, and reads nothing ahead; nor does the second before it is recorded.
    gates[0]?.resolve();
    await leader.step();
    await leader.step();
    const third = leader.step();
    await until(() => world.log.published.length === 15);
    expect(recorded).toEqual([5, 5]);
    gates[1]?.resolve();
    expect(await third).toMatchObject({ published: 5, more: true });
    const fourth = leader.step();
    await until(() => world.log.published.length === 20);
    expect(recorded).toEqual([5, 5, 5]);
    for (const gate of gates) gate.resolve();
    await fourth;
    await drain(leader);
    expect(world.log.numbers).toEqual(range(0, 22));
    expect((await selectBacklog(world.db.sql)).events).toBe(0);
  });
});

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
  async function busy(outbox: SlowOutbox, isKicked: () => boolean): Promise<RelayLeader> {
    const leader = await world.lead(5, { outbox, isKicked });
    await append(world.db.sql, range(0, 3));
    const publishing = Promise.withResolvers<void>();
    world.log.gate = publishing.promise;
    const step = leader.step();
    await world.log.asked.promise;
    await append(world.db.sql, range(3, 5));
    publishing.resolve();
    expect(await step).toMatchObject({ published: 3 });
    return leader;
  }

  test("the next events are published while the last are not recorded yet, and none twice", async () => {
    const outbox = new SlowOutbox(world.session.sql);
    const gate = Promise.withResolvers<void>();
    outbox.gate = gate.promise;
    let isKicked = true;
    const leader = await busy(outbox, () => isKicked);
    isKicked = false;
    const second = leader.step();
    while (world.log.published.length < 5) await Bun.sleep(1);
    expect((await selectBacklog(world.db.sql)).events).toBe(5);
    gate.resolve();
    // It was no look behind all that is committed by then.
    expect(await second).toMatchObject({ published: 2, more: true });
    await append(world.db.sql, range(5, 12));
    await drain(leader);
    expect(world.log.numbers).toEqual(range(0, 12));
    expect((await selectBacklog(world.db.sql)).events).toBe(0);
  });

  test("what was published and could not be recorded is not published again by the look that was made before", async () => {
    const outbox = new SlowOutbox(world.session.sql);
    outbox.failures = 2;
    let isKicked = true;
    const leader = await busy(outbox, () => isKicked);
    isKicked = false;
    for (let tries = 0; tries < 2; tries++) await expect(leader.step()).rejects.toThrow("takes no writes");
    await drain(leader);
    expect(world.log.numbers).toEqual(range(0, 5));
    expect((await selectBacklog(world.db.sql)).events).toBe(0);
  });
});
