import { describe, expect, test } from "bun:test";
import { type EventView, viewFrame } from "./frame.ts";
import { stepsOf, stretchesOf } from "./journey.ts";

const T = 1_795_418_580_000;

function row(more: Partial<EventView> = {}): EventView {
  const value = { eventType: "JobCreated", occurredAt: new Date(T).toISOString() };
  const view = viewFrame({ partition: 0, offset: 1, timestamp: T + 10, receivedAt: T + 15, value });
  if (view === undefined) throw new Error("not a frame");
  return { ...view, shownAt: T + 2_040, ...more };
}

describe("an event's journey", () => {
  test("has every station with its time, the reader's clock put right", () => {
    const steps = stepsOf(row(), { ms: 2_000, error: 4 });
    expect(steps.map(({ name, at }) => [name, (at ?? 0) - T])).toEqual([
      ["Committed", 0],
      ["Published", 10],
      ["Received", 15],
      ["On screen", 40],
    ]);
    expect(steps[3]?.source).toContain("2000 ms ahead of the server's (give or take 4 ms)");
  });

  test("says why a time is missing, and that a clock is not known yet", () => {
    const [, , received, shown] = stepsOf(row({ receivedAt: undefined, shownAt: undefined }), undefined);
    expect([received?.at, shown?.at]).toEqual([undefined, undefined]);
    expect(received?.source).toContain("before this server started");
    expect(shown?.source).toContain("as it was opened");
    expect(stepsOf(row(), undefined)[3]?.source).toContain("not known yet");
  });

  test("is a bar whose parts are as long as the ways took, the shortest one still seen", () => {
    const stretches = stretchesOf(stepsOf(row({ receivedAt: T + 10 }), { ms: 2_000, error: 4 }));
    expect(stretches.map(({ to, ms }) => [to, ms])).toEqual([
      ["Published", 10],
      ["Received", 0],
      ["On screen", 30],
    ]);
    expect(stretches.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(1);
    expect(stretches[1]?.part).toBeGreaterThan(0.01);
    expect((stretches[2]?.part ?? 0) / (stretches[0]?.part ?? 1)).toBeCloseTo(3);
  });

  test("passes over what was not noted, and over clocks that run backwards", () => {
    const stretches = stretchesOf(stepsOf(row({ receivedAt: undefined, time: T - 5 }), { ms: 2_000, error: 4 }));
    expect(stretches.map(({ to, ms }) => [to, ms])).toEqual([
      ["Published", -5],
      ["On screen", 45],
    ]);
    expect(stretches.every(({ part }) => part > 0)).toBe(true);
    expect(stretchesOf([])).toEqual([]);
  });
});
