import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { Pauses } from "./pauses.ts";

test("a pause ends by time, by its own promise, or by the end of all; after that nobody waits", async () => {
  const pauses = new Pauses();
  await pauses.wait(1);
  const own = Promise.withResolvers<void>();
  const byOwn = pauses.wait(600_000, own.promise);
  own.resolve();
  await byOwn;
  const [one, another] = [pauses.wait(600_000), pauses.wait(600_000)];
  pauses.end();
  await Promise.all([one, another]);
  await pauses.wait(600_000);
});

test("of pauses that are over nothing stays in memory", async () => {
  const pauses = new Pauses();
  const objects = () => {
    Bun.gc(true);
    const { objectTypeCounts: of } = heapStats();
    return (of.Promise ?? 0) + (of.SlimPromiseReaction ?? 0) + (of.FullPromiseReaction ?? 0);
  };
  const some = async () => {
    for (let i = 0; i < 200; i++)
      await Promise.all(Array.from({ length: 20 }, () => pauses.wait(0, Promise.resolve())));
  };
  await some();
  const before = objects();
  await some();
  // A race with one promise for all of them would have left 4,000 reactions and as many promises.
  expect(objects() - before).toBeLessThan(500);
});
