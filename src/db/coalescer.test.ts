import { expect, test } from "bun:test";
import { Coalescer } from "./coalescer.ts";

/** A coalescer whose calls end when the test says so. */
function open(options: { underWay?: number; items?: number; isUndone?: (error: unknown) => boolean } = {}) {
  const calls: {
    items: readonly number[];
    end: (results?: readonly string[]) => void;
    fail: (error: Error) => void;
  }[] = [];
  const coalescer = new Coalescer<number, string>({
    run: (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      calls.push({ items, end: (results = items.map((item) => `r${item}`)) => resolve(results), fail: reject });
      return promise;
    },
    isUndone: options.isUndone ?? (() => true),
    underWay: options.underWay ?? 1,
    items: options.items ?? 32,
  });
  const until = async (count: number) => {
    while (calls.length < count) await Bun.sleep(1);
  };
  return { coalescer, calls, until };
}

test("what is asked within one turn of the event loop shares a call, and each gets its own result", async () => {
  const { coalescer, calls, until } = open();
  const results = Promise.all([1, 2, 3].map((item) => coalescer.add(item)));
  await until(1);
  calls[0]?.end();
  expect(await results).toEqual(["r1", "r2", "r3"]);
  expect(calls.map(({ items }) => items)).toEqual([[1, 2, 3]]);
});

test("what comes while calls are under way goes together as soon as one of them ends", async () => {
  const { coalescer, calls, until } = open();
  const first = coalescer.add(1);
  await until(1);
  const later = Promise.all([2, 3].map((item) => coalescer.add(item)));
  calls[0]?.end();
  await first;
  await until(2);
  calls[1]?.end();
  expect(await later).toEqual(["r2", "r3"]);
  expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
});

test("a call that is stuck does not hold up what comes behind it", async () => {
  const { coalescer, calls, until } = open();
  const stuck = coalescer.add(1);
  await until(1);
  const later = coalescer.add(2);
  await until(2);
  calls[1]?.end();
  expect(await later).toBe("r2");
  calls[0]?.end();
  await stuck;
});

test("no call has more items than it may", async () => {
  const { coalescer, calls, until } = open({ items: 2 });
  const results = Promise.all([1, 2, 3, 4, 5].map((item) => coalescer.add(item)));
  await until(3);
  for (const call of calls) call.end();
  expect(await results).toEqual(["r1", "r2", "r3", "r4", "r5"]);
  expect(calls.map(({ items }) => items.length)).toEqual([2, 2, 1]);
});

test("a call that fails undone is made again for each alone: only the one to blame is told", async () => {
  const { coalescer, calls, until } = open();
  const results = Promise.allSettled([1, 2, 3].map((item) => coalescer.add(item)));
  await until(1);
  calls[0]?.fail(new Error("2 is bad"));
  await until(4);
  calls[1]?.end();
  calls[2]?.fail(new Error("2 is bad"));
  calls[3]?.end();
  expect(await results).toEqual([
    { status: "fulfilled", value: "r1" },
    { status: "rejected", reason: new Error("2 is bad") },
    { status: "fulfilled", value: "r3" },
  ]);
});

test("a call of which nobody knows whether it was done is not made again", async () => {
  const { coalescer, calls, until } = open({ isUndone: () => false });
  const results = Promise.allSettled([1, 2].map((item) => coalescer.add(item)));
  await until(1);
  const error = new Error("connection lost");
  calls[0]?.fail(error);
  expect(await results).toEqual([
    { status: "rejected", reason: error },
    { status: "rejected", reason: error },
  ]);
  expect(calls).toHaveLength(1);
});
