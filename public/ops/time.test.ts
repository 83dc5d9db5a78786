import { expect, test } from "bun:test";
import { formatAge, formatAgo, formatClock, formatDay, formatTook, readTime } from "./time.ts";

const TIME = Date.UTC(2026, 10, 3, 7, 5, 9, 42);

test("a time in UTC has milliseconds and every digit", () => {
  expect(formatClock(TIME, "utc")).toBe("07:05:09.042");
  expect(formatDay(TIME, "utc")).toBe("Nov 3");
});

test("a local time is that of the reader's clock", () => {
  const local = new Date(2026, 0, 31, 23, 59, 58, 7).getTime();
  expect(formatClock(local, "local")).toBe("23:59:58.007");
  expect(formatDay(local, "local")).toBe("Jan 31");
});

test("the ends of what a date can hold are no trouble", () => {
  for (const time of [0, 8.64e15]) expect(formatClock(time, "utc")).toBe("00:00:00.000");
});

test.each([
  [-500, "now"],
  [999, "now"],
  [1_000, "1s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [3_600_000, "1h"],
  [172_800_000, "2d"],
])("%d ms ago is written %j", (ms, text) => {
  expect(formatAgo(ms)).toBe(text);
});

test.each([
  [0.4, "0 ms"],
  [14, "14 ms"],
  [1_250, "1.25 s"],
  [61_000, "61 s"],
  [10_800_000, "3 h"],
])("what took %d ms is written %j", (ms, text) => {
  expect(formatTook(ms)).toBe(text);
});

test("an age is in the largest unit of which there are some", () => {
  expect([0.5, 90, 600, 20_000, 200_000].map(formatAge)).toEqual(["under 1 s", "90 s", "10 min", "6 h", "2 d"]);
});

test("a time is read as the stream reads its since", () => {
  expect(readTime("2026-11-23T07:00:00Z", 0)).toBe(Date.UTC(2026, 10, 23, 7));
  expect(readTime("2026-11-23T08:00:00.5+01:00", 0)).toBe(Date.UTC(2026, 10, 23, 7, 0, 0, 500));
  expect(readTime("10m", 1_000_000)).toBe(400_000);
  expect(readTime("7d", 1_000)).toBe(0);
  for (const text of ["", "now", "10", "10 m", "2026-11-23", "2026-99-99T00:00:00Z"])
    expect(readTime(text, 0)).toBeUndefined();
});
