import { expect, test } from "bun:test";
import { type EventView, viewFrame } from "./frame.ts";
import { countIn, tally } from "./rates.ts";

const NOW = 1_795_418_580_000;

function at(time: number, eventType = "JobCreated"): EventView {
  const view = viewFrame({ partition: 0, offset: 0, timestamp: time, value: { eventType } });
  if (view === undefined) throw new Error("not a frame");
  return view;
}

test("events are counted into their second by tone, the seconds in order", () => {
  const first = countIn([], [at(NOW + 1_200), at(NOW + 10), at(NOW + 999, "JobDeleted")], NOW);
  expect(first.map(({ second, counts }) => [second - NOW / 1_000, ...counts])).toEqual([
    [0, 1, 0, 1, 0, 0],
    [1, 1, 0, 0, 0, 0],
  ]);
  const [next] = countIn(first, [at(NOW, "JobStatusChanged")], NOW);
  expect(next?.counts).toEqual([1, 0, 1, 1, 0]);
  expect(first[0]?.counts).toEqual([1, 0, 1, 0, 0]);
});

test("what is long ago, far ahead or at no time is let go of", () => {
  const counted = countIn([], [at(NOW), at(NOW - 3_600_000), at(8e15), at(-1)], NOW);
  expect(counted.length).toBe(1);
  expect(countIn(counted, [], NOW + 3_600_000)).toEqual([]);
});

test("values are counted, the most frequent first, then by name", () => {
  expect(tally(["b", "a", "c", "b", "a", "b"])).toEqual([
    ["b", 3],
    ["a", 2],
    ["c", 1],
  ]);
});
