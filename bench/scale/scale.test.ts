import { expect, test } from "bun:test";
import { type Costs, databaseCoresAtLeaderLimit, leaderLimit, use } from "./model.ts";
import { type Queue, seeded, simulate } from "./relay-queue.ts";

const COSTS: Costs = { write: 200, databaseWrite: 300, relay: 20, databaseRelay: 10, delivery: 2 };
const QUEUE: Queue = { perSecond: 1_000, leaders: 1, eventS: 20e-6, batchS: 1e-3, batch: 1_000 };

test("cores in use are cost times rate, and deliveries count each stream that may see an event", () => {
  const used = use(COSTS, { writesPerSecond: 1_000, streams: 500, seenShare: 0.1 });
  expect(used.api).toBeCloseTo(0.2, 9);
  expect(used.database).toBeCloseTo(0.31, 9);
  expect(used.relay).toBeCloseTo(0.02, 9);
  expect(used.stream).toBeCloseTo(0.1, 9);
});

test("the leader is the limit when its core is as busy as it may be, and the database needs so many cores by then", () => {
  expect(leaderLimit(COSTS, 0.8)).toBe(40_000);
  expect(databaseCoresAtLeaderLimit(COSTS, 0.8)).toBeCloseTo(15.5, 9);
});

test("a leader that has hardly anything to do takes an event at once", () => {
  const { p50, busy, isStable } = simulate({ ...QUEUE, perSecond: 10 }, seeded(1));
  expect(p50).toBeCloseTo(1.02, 1);
  expect(busy).toBeLessThan(0.02);
  expect(isStable).toBe(true);
});

test("events wait longer for a busier leader, and in a queue that only grows there is no end to it", () => {
  const waits = [1_000, 20_000, 45_000].map((perSecond) => simulate({ ...QUEUE, perSecond }, seeded(1)));
  const p99 = waits.map((wait) => wait.p99);
  expect(p99).toEqual(p99.toSorted((a, b) => a - b));
  const over = simulate({ ...QUEUE, perSecond: 60_000 }, seeded(1));
  expect(over.isStable).toBe(false);
  expect(over.p99).toBeGreaterThan(1_000);
});

test("two leaders carry what is too much for one", () => {
  const two = simulate({ ...QUEUE, perSecond: 60_000, leaders: 2 }, seeded(1));
  expect(two.isStable).toBe(true);
  expect(two.p99).toBeLessThan(100);
});
