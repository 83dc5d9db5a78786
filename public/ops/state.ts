import { compile, type Matches, parse, print, type Query } from "../../src/filter/index.ts";
import type { Connection } from "./connection.ts";
import { type EventView, viewFrame } from "./frame.ts";
import { type DeadLetterView, type OutboxView, viewOutbox } from "./outbox-view.ts";
import { type Bucket, countIn } from "./rates.ts";
import { addEvents, calm, EMPTY, type Rows, replaceEvents, resume, unseenOf } from "./rows.ts";
import type { SignedIn } from "./shell.ts";
import type { Skew } from "./skew.ts";
import type { Theme } from "./theme.ts";
import type { Zone } from "./time.ts";

/** What the server hands to the browser script in the data block `ops-state`. */
export interface OpsData {
  readonly topic: string;
  /** Where the stream goes on without gap or repeat. */
  readonly lastEventId: string;
  /** Origin of the page as the server sees it; behind a proxy the browser knows better. */
  readonly origin: string;
  /** Frames, oldest first. */
  readonly events: readonly unknown[];
  /** As the API tells it; null while the database does not answer. */
  readonly outbox: { readonly report: unknown; readonly letters: unknown } | null;
  /** Null with the development identity. */
  readonly user: SignedIn | null;
  readonly theme: Theme;
  /** False for who may not see the outbox. */
  readonly runsServer: boolean;
  /** The filter in the page's address, with which `events` were picked. */
  readonly filter: string;
  /** The time in the page's address, in milliseconds since 1970; null: the newest events. */
  readonly since: number | null;
  /** When the page was rendered, in milliseconds since 1970. */
  readonly now: number;
}

/** What lies over the page. */
export type Dialog =
  | { readonly kind: "help" }
  | { readonly kind: "jump" }
  | { readonly kind: "new-event" }
  | { readonly kind: "decide"; readonly action: "requeue" | "discard"; readonly letter: DeadLetterView };

/** All that the page shows. */
export interface OpsState {
  readonly topic: string;
  readonly origin: string;
  readonly zone: Zone;
  readonly connection: Connection;
  readonly rows: Rows;
  /** By the reader. */
  readonly paused: boolean;
  /** The reader looks at rows further down, which must not move away. */
  readonly scrolled: boolean;
  readonly query: Query;
  readonly matches: Matches;
  /** The last rows that no filter had picked: where suggestions come from while one is typed. */
  readonly sample: readonly EventView[];
  /** False from a change of the filter until the rows were asked for anew: then some of them may not match it. */
  readonly isSettled: boolean;
  /** The log is being searched for more events that match. */
  readonly isSearching: boolean;
  /** Shown is what was published from then on, in milliseconds since 1970; undefined: the newest. */
  readonly since: number | undefined;
  readonly rates: readonly Bucket[];
  /** By the server's clock, in milliseconds since 1970; moves on once a second. */
  readonly now: number;
  readonly skew: Skew | undefined;
  readonly shortcuts: boolean;
  readonly dialog: Dialog | undefined;
  /** For screen readers: the last thing worth a word. */
  readonly announcement: string;
  /** Undefined while nothing is known about it. */
  readonly outbox: OutboxView | undefined;
  readonly user: SignedIn | null;
  readonly theme: Theme;
  readonly runsServer: boolean;
}

/** What happens to the page. */
export type OpsAction =
  | { readonly kind: "browser"; readonly origin: string; readonly shortcuts: boolean }
  | { readonly kind: "connection"; readonly connection: Connection }
  /** Events in the order in which they came. @property at by Date.now: when they are drawn */
  | { readonly kind: "events"; readonly events: readonly EventView[]; readonly at: number }
  /** In place of all that is shown. @property isWhole no more of them follow at once */
  | { readonly kind: "anew"; readonly events: readonly EventView[]; readonly at: number; readonly isWhole: boolean }
  | { readonly kind: "searching" }
  | { readonly kind: "clear" }
  | { readonly kind: "pause"; readonly paused: boolean; readonly at: number }
  | { readonly kind: "scroll"; readonly scrolled: boolean; readonly at: number }
  | { readonly kind: "filter"; readonly filter: string }
  | { readonly kind: "since"; readonly since: number | undefined }
  | { readonly kind: "tick"; readonly now: number; readonly skew: Skew | undefined }
  | { readonly kind: "shortcuts"; readonly on: boolean }
  | { readonly kind: "dialog"; readonly dialog: Dialog | undefined }
  | { readonly kind: "announce"; readonly text: string }
  | { readonly kind: "outbox"; readonly outbox: OutboxView | undefined };

/** The page as it is rendered first, on the server and by the script alike. */
export function initialState(data: OpsData): OpsState {
  const query = parse(data.filter);
  const events = data.events.map(viewFrame).filter(isView);
  const rows = replaceEvents(EMPTY, events, undefined);
  return {
    topic: data.topic,
    origin: data.origin,
    zone: "utc",
    connection: { kind: "connecting" },
    rows,
    sample: rows.shown,
    paused: false,
    scrolled: false,
    query,
    matches: compile(query),
    isSettled: true,
    isSearching: false,
    since: data.since ?? undefined,
    rates: countIn([], events, data.now),
    now: data.now,
    skew: undefined,
    shortcuts: true,
    dialog: undefined,
    announcement: "",
    user: data.user,
    theme: data.theme,
    runsServer: data.runsServer,
    outbox: data.outbox === null ? undefined : viewOutbox(data.outbox.report, data.outbox.letters),
  };
}

/** The page after something happened; the same object when nothing changed. */
export function reduce(state: OpsState, action: OpsAction): OpsState {
  const next = change(state, action);
  const isSample = next.rows !== state.rows && next.isSettled && next.query.terms.length === 0;
  return isSample ? { ...next, sample: next.rows.shown } : next;
}

function change(state: OpsState, action: OpsAction): OpsState {
  switch (action.kind) {
    case "browser":
      return { ...state, origin: action.origin, shortcuts: action.shortcuts, zone: "local" };
    case "connection":
      return isSame(action.connection, state.connection) ? state : { ...state, connection: action.connection };
    case "events":
      return receive(state, action.events, action.at);
    case "anew":
      return {
        ...state,
        rows: replaceEvents(state.rows, action.events.filter(wanted(state)), action.at),
        rates: countIn([], action.events.filter(wanted(state)), onServer(state.skew, action.at)),
        isSettled: true,
        isSearching: !action.isWhole,
      };
    case "searching":
      return { ...state, isSearching: true };
    case "clear":
      return { ...state, rows: { ...EMPTY, next: state.rows.next }, announcement: "Cleared" };
    case "pause":
      return hold(state, { paused: action.paused, scrolled: state.scrolled }, action.at);
    case "scroll":
      return hold(state, { paused: state.paused, scrolled: action.scrolled }, action.at);
    case "filter":
      return filterBy(state, action.filter);
    case "since":
      return { ...state, since: action.since };
    case "tick":
      return { ...state, now: action.now, skew: isSameSkew(action.skew, state.skew) ? state.skew : action.skew };
    case "shortcuts":
      return { ...state, shortcuts: action.on };
    case "dialog":
      return { ...state, dialog: action.dialog };
    case "announce":
      return { ...state, announcement: action.text };
    case "outbox":
      return { ...state, outbox: action.outbox };
  }
}

/** The rows that the filter lets through. */
export function visibleRows(state: OpsState): readonly EventView[] {
  const { shown } = state.rows;
  return state.isSettled ? shown : shown.filter(({ frame }) => state.matches(frame));
}

/** True while new events are held back. */
export function isHolding({ paused, scrolled }: Pick<OpsState, "paused" | "scrolled">): boolean {
  return paused || scrolled;
}

/** The reader's clock put right. @param at by Date.now */
export function onServer(skew: Skew | undefined, at: number): number {
  return at - (skew?.ms ?? 0);
}

function receive(state: OpsState, events: readonly EventView[], at: number): OpsState {
  const unseen = unseenOf(events, state.rows.next);
  if (unseen.length === 0) return state;
  const added = unseen.filter(wanted(state));
  const rows = addEvents(state.rows, unseen, added, { at, isHeld: isHolding(state) });
  return { ...state, rows, rates: countIn(state.rates, added, onServer(state.skew, at)) };
}

function hold(state: OpsState, next: Pick<OpsState, "paused" | "scrolled">, at: number): OpsState {
  if (next.paused === state.paused && next.scrolled === state.scrolled) return state;
  const rows = isHolding(next) ? state.rows : resume(state.rows, at);
  if (next.paused === state.paused) return { ...state, ...next, rows };
  return { ...state, ...next, rows, announcement: next.paused ? "Paused" : "Resumed" };
}

function filterBy(state: OpsState, filter: string): OpsState {
  if (filter === state.query.source) return state;
  const query = parse(filter);
  if (print(query.terms) === print(state.query.terms)) return { ...state, query };
  // A row that is taken off and shown again would flash again.
  const rows = { ...state.rows, shown: calm(state.rows.shown) };
  return { ...state, query, matches: compile(query), isSettled: false, rows };
}

function wanted({ matches }: OpsState): (event: EventView) => boolean {
  return ({ frame }) => matches(frame);
}

function isSame(a: Connection, b: Connection): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isSameSkew(a: Skew | undefined, b: Skew | undefined): boolean {
  return a?.ms === b?.ms && a?.error === b?.error;
}

function isView(view: EventView | undefined): view is EventView {
  return view !== undefined;
}
