import { describe, expect, test } from "bun:test";
import { type EventView, viewFrame } from "./frame.ts";
import { initialState, MAX_ROWS, type OpsAction, type OpsState, reduce, visibleRows } from "./state.ts";

function frame(offset: number, title = `Job ${offset}`, partition = 0) {
  const data = { title, status: "Open" };
  return { topic: "t", partition, offset, timestamp: 1, key: "k", value: { eventType: "JobCreated", data } };
}

function events(from: number, count: number): EventView[] {
  return Array.from({ length: count }, (_, i) => viewFrame(frame(from + i))).filter((view) => view !== undefined);
}

function start(...frames: unknown[]): OpsState {
  return initialState({
    topic: "t",
    lastEventId: "0:0",
    origin: "http://localhost:9010",
    events: frames,
    outbox: null,
    user: null,
    theme: "system",
    runsServer: true,
  });
}

function after(state: OpsState, ...actions: OpsAction[]): OpsState {
  return actions.reduce(reduce, state);
}

function offsets(rows: readonly EventView[]): number[] {
  return rows.map((row) => row.offset);
}

describe("the first state", () => {
  test("has the newest event on top, and none of them flashes", () => {
    const state = start(frame(0), frame(1), frame(2));
    expect(offsets(state.rows)).toEqual([2, 1, 0]);
    expect(state.rows.some((row) => row.fresh)).toBe(false);
    expect(state.connection).toBe("connecting");
  });

  test("leaves out what is not a frame", () => {
    expect(offsets(start(frame(0), null, "x", {}, frame(1)).rows)).toEqual([1, 0]);
  });

  test("has at most 500 rows", () => {
    expect(start(...Array.from({ length: 700 }, (_, i) => frame(i))).rows.length).toBe(MAX_ROWS);
  });
});

describe("new events", () => {
  test("come on top in the order in which they came, and flash", () => {
    const state = after(start(frame(0)), { kind: "events", events: events(1, 2) });
    expect(offsets(state.rows)).toEqual([2, 1, 0]);
    expect(state.rows.map((row) => row.fresh)).toEqual([true, true, false]);
  });

  test("push out the oldest beyond 500", () => {
    const state = after(
      start(),
      { kind: "events", events: events(0, 499) },
      { kind: "events", events: events(499, 3) },
    );
    expect(state.rows.length).toBe(MAX_ROWS);
    expect([state.rows[0]?.offset, state.rows.at(-1)?.offset]).toEqual([501, 2]);
  });

  test("do not flash when many come at once", () => {
    const state = after(start(), { kind: "events", events: events(0, 100) });
    expect(state.rows.some((row) => row.fresh)).toBe(false);
  });

  test("are shown once, however often they are sent", () => {
    const state = after(start(frame(0), frame(1)), { kind: "events", events: events(0, 3) });
    expect(offsets(state.rows)).toEqual([2, 1, 0]);
  });

  test("leave every row that is there as it was, so that none is rendered again", () => {
    const before = start(frame(0), frame(1));
    const state = after(before, { kind: "events", events: events(2, 1) });
    expect(state.rows[1]).toBe(before.rows[0] as EventView);
    expect(state.rows[2]).toBe(before.rows[1] as EventView);
  });

  test("none leave the state as it was", () => {
    const before = start(frame(0));
    expect(after(before, { kind: "events", events: [] })).toBe(before);
  });
});

describe("a reset", () => {
  test("forgets the rows, those held back, and which offsets were seen", () => {
    const paused = after(start(frame(5)), { kind: "pause", paused: true }, { kind: "events", events: events(6, 1) });
    const reset = after(paused, { kind: "reset" });
    expect([reset.rows, reset.held]).toEqual([[], []]);
    const anew = after(reset, { kind: "pause", paused: false }, { kind: "events", events: events(0, 1) });
    expect(offsets(anew.rows)).toEqual([0]);
  });
});

describe("a pause", () => {
  test("holds new events back, and resuming puts them on top", () => {
    const paused = after(start(frame(0)), { kind: "pause", paused: true }, { kind: "events", events: events(1, 2) });
    expect([offsets(paused.rows), offsets(paused.held)]).toEqual([[0], [2, 1]]);
    const resumed = after(paused, { kind: "pause", paused: false });
    expect([offsets(resumed.rows), resumed.held.length]).toEqual([[2, 1, 0], 0]);
  });

  test("holds at most the newest 500", () => {
    const paused = after(start(), { kind: "pause", paused: true }, { kind: "events", events: events(0, 400) });
    const more = after(paused, { kind: "events", events: events(400, 400) });
    expect([more.held.length, more.held[0]?.offset]).toEqual([MAX_ROWS, 799]);
  });
});

describe("the filter", () => {
  const state = start(frame(0, "Repair valve"), frame(1, "Fit BOILER"), frame(2, "Repair boiler", 1));
  const shown = (filter: string) => visibleRows(after(state, { kind: "filter", filter })).map((row) => row.subject);

  test.each([
    ["", ["Repair boiler", "Fit BOILER", "Repair valve"]],
    ["  ", ["Repair boiler", "Fit BOILER", "Repair valve"]],
    ["boiler", ["Repair boiler", "Fit BOILER"]],
    ["boiler repair", ["Repair boiler"]],
    ["1:2", ["Repair boiler"]],
    ["open", ["Repair boiler", "Fit BOILER", "Repair valve"]],
    ["nothing", []],
  ])("%j lets through what has all its words", (filter, expected) => {
    expect(shown(filter)).toEqual(expected);
  });

  test("stops the flash of rows that were new, for they would flash again when they come back", () => {
    const fresh = after(start(), { kind: "events", events: events(0, 1) });
    expect(fresh.rows[0]?.fresh).toBe(true);
    expect(after(fresh, { kind: "filter", filter: "x" }).rows[0]?.fresh).toBe(false);
  });
});

test("the connection that is already shown changes nothing", () => {
  const state = start();
  expect(after(state, { kind: "connection", connection: "connecting" })).toBe(state);
  expect(after(state, { kind: "connection", connection: "live" }).connection).toBe("live");
});

test("in the browser times are local and the origin is the one in the address bar", () => {
  const state = after(start(), { kind: "browser", origin: "https://crm.example" });
  expect([state.zone, state.origin]).toEqual(["local", "https://crm.example"]);
});
