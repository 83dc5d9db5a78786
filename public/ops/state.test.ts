import { describe, expect, test } from "bun:test";
import { type EventView, viewFrame } from "./frame.ts";
import { MAX_ROWS } from "./rows.ts";
import { initialState, type OpsAction, type OpsData, type OpsState, reduce, visibleRows } from "./state.ts";

const NOW = 1_795_418_580_000;
/** When things happen to the page. */
const AT = NOW + 40;

function frame(offset: number, title = `Job ${offset}`, partition = 0) {
  const data = { title, status: "Open" };
  const headers = { ce_type: "JobCreated" };
  return { topic: "t", partition, offset, timestamp: NOW, key: "k", value: { eventType: "JobCreated", data }, headers };
}

function events(from: number, count: number): EventView[] {
  return Array.from({ length: count }, (_, i) => viewFrame(frame(from + i))).filter((view) => view !== undefined);
}

const DATA: OpsData = {
  topic: "t",
  lastEventId: "0:0",
  origin: "http://localhost:9010",
  events: [],
  outbox: null,
  user: null,
  theme: "system",
  runsServer: true,
  filter: "",
  since: null,
  now: NOW,
};

function start(...frames: unknown[]): OpsState {
  return initialState({ ...DATA, events: frames });
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
    expect(offsets(state.rows.shown)).toEqual([2, 1, 0]);
    expect(state.rows.shown.some((row) => row.fresh)).toBe(false);
    expect(state.connection.kind).toBe("connecting");
  });

  test("leaves out what is not a frame", () => {
    expect(offsets(start(frame(0), null, "x", {}, frame(1)).rows.shown)).toEqual([1, 0]);
  });

  test("has at most 500 rows", () => {
    expect(start(...Array.from({ length: 700 }, (_, i) => frame(i))).rows.shown.length).toBe(MAX_ROWS);
  });
});

describe("new events", () => {
  test("come on top in the order in which they came, and flash", () => {
    const state = after(start(frame(0)), { kind: "events", events: events(1, 2), at: AT });
    expect(offsets(state.rows.shown)).toEqual([2, 1, 0]);
    expect(state.rows.shown.map((row) => row.fresh)).toEqual([true, true, false]);
  });

  test("push out the oldest beyond 500", () => {
    const state = after(
      start(),
      { kind: "events", events: events(0, 499), at: AT },
      { kind: "events", events: events(499, 3), at: AT },
    );
    expect(state.rows.shown.length).toBe(MAX_ROWS);
    expect([state.rows.shown[0]?.offset, state.rows.shown.at(-1)?.offset]).toEqual([501, 2]);
  });

  test("do not flash when many come at once", () => {
    const state = after(start(), { kind: "events", events: events(0, 100), at: AT });
    expect(state.rows.shown.some((row) => row.fresh)).toBe(false);
  });

  test("are shown once, however often they are sent", () => {
    const state = after(start(frame(0), frame(1)), { kind: "events", events: events(0, 3), at: AT });
    expect(offsets(state.rows.shown)).toEqual([2, 1, 0]);
  });

  test("leave every row that is there as it was, so that none is rendered again", () => {
    const before = start(frame(0), frame(1));
    const state = after(before, { kind: "events", events: events(2, 1), at: AT });
    expect(state.rows.shown[1]).toBe(before.rows.shown[0] as EventView);
    expect(state.rows.shown[2]).toBe(before.rows.shown[1] as EventView);
  });

  test("none leave the state as it was", () => {
    const before = start(frame(0));
    expect(after(before, { kind: "events", events: [], at: AT })).toBe(before);
  });
});

describe("events in place of all others", () => {
  test("are all there is, each once, and what came before them is not looked for", () => {
    const paused = after(start(frame(5)), pause(true), came(6, 1));
    const anew = after(paused, { kind: "anew", events: [...events(0, 2), ...events(1, 1)], at: AT, isWhole: true });
    expect(offsets(anew.rows.shown)).toEqual([1, 0]);
    expect([anew.rows.heldCount, anew.rows.shown[0]?.shownAt]).toEqual([0, AT]);
    expect(offsets(after(anew, pause(false), came(1, 2)).rows.shown)).toEqual([2, 1, 0]);
  });

  test("are the newest 500 that match", () => {
    const state = after(start(), filter("-data.title:7*"), { kind: "searching" });
    const anew = after(state, { kind: "anew", events: events(0, 700), at: AT, isWhole: true });
    expect(anew.rows.shown.length).toBe(MAX_ROWS);
    expect([state.isSearching, anew.isSearching]).toEqual([true, false]);
  });
});

describe("a pause", () => {
  test("holds new events back, and resuming puts them on top, seen only then", () => {
    const paused = after(start(frame(0)), pause(true), came(1, 2));
    expect([offsets(paused.rows.shown), offsets(paused.rows.held), paused.rows.heldCount]).toEqual([[0], [2, 1], 2]);
    const resumed = after(paused, { kind: "pause", paused: false, at: AT + 9_000 });
    expect([offsets(resumed.rows.shown), resumed.rows.held.length]).toEqual([[2, 1, 0], 0]);
    expect(resumed.rows.shown[0]?.shownAt).toBe(AT + 9_000);
    expect([paused.announcement, resumed.announcement]).toEqual(["Paused", "Resumed"]);
  });

  test("holds at most the newest 500, and counts them all", () => {
    const { rows } = after(start(), pause(true), came(0, 400), came(400, 400));
    expect([rows.held.length, rows.held[0]?.offset, rows.heldCount]).toEqual([MAX_ROWS, 799, 800]);
  });

  test("is one also while the reader looks at rows further down, and ends with neither of them", () => {
    const down = after(start(frame(0)), { kind: "scroll", scrolled: true, at: AT }, came(1, 1));
    expect([offsets(down.rows.shown), down.rows.heldCount, down.announcement]).toEqual([[0], 1, ""]);
    const both = after(down, pause(true), { kind: "scroll", scrolled: false, at: AT });
    expect(both.rows.heldCount).toBe(1);
    expect(offsets(after(both, pause(false)).rows.shown)).toEqual([1, 0]);
  });
});

describe("the filter", () => {
  const state = start(frame(0, "Repair valve"), frame(1, "Fit BOILER"), frame(2, "Repair boiler", 1));
  const shown = (text: string) => visibleRows(after(state, filter(text))).map((row) => row.subject);

  test.each([
    ["", ["Repair boiler", "Fit BOILER", "Repair valve"]],
    ["boiler", ["Repair boiler", "Fit BOILER"]],
    ["boiler repair", ["Repair boiler"]],
    ["partition:1 offset:2", ["Repair boiler"]],
    ["status:open -repair", ["Fit BOILER"]],
    ["type:Account*", []],
    // At fault, so as if it were not there.
    ["type:", ["Repair boiler", "Fit BOILER", "Repair valve"]],
  ])("%j lets through what has all its terms", (text, expected) => {
    expect(shown(text)).toEqual(expected);
  });

  test("lets in only what matches, and what it left out is not shown again when it is gone until it is asked for", () => {
    const filtered = after(state, filter("boiler"), came(3, 2));
    expect(visibleRows(filtered).length).toBe(2);
    const { rows } = after(filtered, filter("Job 4"), came(3, 2));
    expect(offsets(rows.shown)).not.toContain(4);
  });

  test("leaves the rows from which values are suggested as they were before it", () => {
    const typed = after(start(frame(0), frame(1)), filter("type:J"), {
      kind: "anew",
      events: [],
      at: AT,
      isWhole: true,
    });
    expect([typed.rows.shown.length, offsets(typed.sample)]).toEqual([0, [1, 0]]);
  });

  test("that asks for the same in other words is the same", () => {
    const once = after(state, filter("status:Open"));
    const twice = after(once, filter('status:"Open"  '));
    expect(twice.matches).toBe(once.matches);
    expect(twice.query.source).toBe('status:"Open"  ');
  });

  test("stops the flash of rows that were new, for they would flash again when they come back", () => {
    const fresh = after(start(), came(0, 1));
    expect(fresh.rows.shown[0]?.fresh).toBe(true);
    expect(after(fresh, filter("x")).rows.shown[0]?.fresh).toBe(false);
  });

  test("of the page's address is there from the beginning", () => {
    const { query, rows } = initialState({ ...DATA, filter: "boiler", events: [frame(1, "Fit BOILER")] });
    expect([query.source, rows.shown.length]).toEqual(["boiler", 1]);
  });
});

test("clearing takes the rows off, and none of them comes back", () => {
  const cleared = after(start(frame(0), frame(1)), { kind: "clear" }, came(0, 3));
  expect(offsets(cleared.rows.shown)).toEqual([2]);
});

test("events are counted by second and tone, those included that are held back", () => {
  const state = after(start(frame(0)), pause(true), came(1, 3));
  expect(state.rates).toEqual([{ second: NOW / 1_000, counts: [4, 0, 0, 0, 0] }]);
});

test("the connection that is already shown changes nothing", () => {
  const state = start();
  const to = (connection: OpsState["connection"]) => after(state, { kind: "connection", connection });
  expect(to({ kind: "connecting" })).toBe(state);
  expect(to({ kind: "live" }).connection.kind).toBe("live");
});

test("in the browser times are local and the origin is the one in the address bar", () => {
  const state = after(start(), { kind: "browser", origin: "https://crm.example", shortcuts: false });
  expect([state.zone, state.origin, state.shortcuts]).toEqual(["local", "https://crm.example", false]);
});

function came(from: number, count: number): OpsAction {
  return { kind: "events", events: events(from, count), at: AT };
}

function pause(paused: boolean): OpsAction {
  return { kind: "pause", paused, at: AT };
}

function filter(text: string): OpsAction {
  return { kind: "filter", filter: text };
}
