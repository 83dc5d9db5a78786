import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { openSession, type Session } from "../db/session.ts";
import { type LeaderOptions, RelayLeader } from "./leader.ts";
import { WatchedLog } from "./outbox.fixture.ts";
import type { Settlement } from "./settle.ts";
import { SessionOutbox } from "./store.ts";

/** A leader's steps on a real outbox, one by one, with a clock that the test turns. */
export class LeaderWorld {
  db!: TestDatabase;
  session!: Session;
  /** Milliseconds on the leader's clock. */
  now = 0;
  isLeading = true;
  log = new WatchedLog();
  settlements: Settlement[] = [];

  /** In each file of tests once: the database is the file's, all else is new for each test. */
  static ofFile(): LeaderWorld {
    const world = new LeaderWorld();
    beforeAll(async () => {
      world.db = await testDatabase();
      world.session = await openSession(world.db.url, "aetherlink_relay", { onLost() {}, onNotification() {} });
    });
    beforeEach(() => {
      world.log = new WatchedLog();
      world.now = 0;
      world.isLeading = true;
      world.settlements = [];
    });
    afterEach(async () => {
      await world.db.sql`truncate outbox_events, outbox_blocked, outbox_audit`;
    });
    afterAll(async () => {
      await world.session.close();
      await world.db.drop();
    });
    return world;
  }

  async lead(batch = 100, options: Partial<LeaderOptions> = {}): Promise<RelayLeader> {
    const leader = new RelayLeader({
      outbox: new SessionOutbox(this.session.sql),
      log: this.log,
      batch,
      clock: () => this.now,
      assertLeading: () => {
        if (!this.isLeading) throw new Error("the lead is lost");
      },
      settled: (settlement) => this.settlements.push(settlement),
      ...options,
    });
    await leader.begin();
    return leader;
  }

  /** Turns the clock to the next time at which the leader wants to try again. */
  async drainWhenDue(leader: RelayLeader): Promise<void> {
    this.now += leader.nextRetryMs;
    await drain(leader);
  }
}

/** Steps and tries again until nothing is left to do at this moment. */
export async function drain(leader: RelayLeader): Promise<void> {
  for (;;) {
    const { more, interruption } = await leader.step();
    if (interruption !== undefined) return;
    if (!more && !(await leader.retry()).more) break;
  }
  await leader.end();
}

/** Whole numbers, without the last. */
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
