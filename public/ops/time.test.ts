import { expect, test } from "bun:test";
import { formatClock, formatDay } from "./time.ts";

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
