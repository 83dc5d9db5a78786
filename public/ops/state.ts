import { type EventView, viewFrame } from "./frame.ts";
import { type OutboxView, viewOutbox } from "./outbox.ts";
import type { SignedIn } from "./shell.ts";
import type { Theme } from "./theme.ts";
import type { Zone } from "./time.ts";

/** Rows on the page at most. */
export const MAX_ROWS = 500;
/** New rows in one frame up to which each flashes; more than these would be a flicker, not a hint. */
const MAX_FLASH = 8;

/** How the stream stands. */
export type Connection = "connecting" | "live" | "reconnecting";

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
}

/** All that the page shows. */
export interface OpsState {
  readonly topic: string;
  readonly origin: string;
  readonly zone: Zone;
  readonly connection: Connection;
  /** Newest first, at most MAX_ROWS. */
  readonly rows: readonly EventView[];
  readonly paused: boolean;
  /** What came while paused, newest first, at most MAX_ROWS. */
  readonly held: readonly EventView[];
  readonly filter: string;
  /** Next offset of each partition: an event below it was seen, and two rows of one key would confuse the renderer. */
  readonly next: Readonly<Record<number, number>>;
  /** Undefined while nothing is known about it. */
  readonly outbox: OutboxView | undefined;
  readonly user: SignedIn | null;
  readonly theme: Theme;
  readonly runsServer: boolean;
}

/** What happens to the page. */
export type OpsAction =
  | { readonly kind: "browser"; readonly origin: string }
  | { readonly kind: "connection"; readonly connection: Connection }
  /** Events in the order in which they came. */
  | { readonly kind: "events"; readonly events: readonly EventView[] }
  | { readonly kind: "reset" }
  | { readonly kind: "pause"; readonly paused: boolean }
  | { readonly kind: "filter"; readonly filter: string }
  | { readonly kind: "outbox"; readonly outbox: OutboxView | undefined };

/** The page as it is rendered first, on the server and by the script alike. */
export function initialState(data: OpsData): OpsState {
  const empty: OpsState = {
    topic: data.topic,
    origin: data.origin,
    zone: "utc",
    connection: "connecting",
    rows: [],
    paused: false,
    held: [],
    filter: "",
    next: {},
    user: data.user,
    theme: data.theme,
    runsServer: data.runsServer,
    outbox: data.outbox === null ? undefined : viewOutbox(data.outbox.report, data.outbox.letters),
  };
  return addEvents(empty, data.events.map(viewFrame).filter(isView));
}

/** The page after something happened; the same object when nothing changed. */
export function reduce(state: OpsState, action: OpsAction): OpsState {
  switch (action.kind) {
    case "browser":
      return { ...state, origin: action.origin, zone: "local" };
    case "connection":
      return action.connection === state.connection ? state : { ...state, connection: action.connection };
    case "events":
      return addEvents(state, action.events, true);
    case "reset":
      return { ...state, rows: [], held: [], next: {} };
    case "pause":
      return pause(state, action.paused);
    case "filter":
      return { ...state, filter: action.filter, rows: calm(state.rows) };
    case "outbox":
      return { ...state, outbox: action.outbox };
  }
}

/** The rows that the filter lets through: every word of it must be found in what the row shows or in a whole id. */
export function visibleRows(state: OpsState): readonly EventView[] {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return state.rows;
  return state.rows.filter((row) => {
    const text = [row.type, row.subject, row.status, row.tenantId, row.aggregateId, row.topic, row.key]
      .join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function addEvents(state: OpsState, events: readonly EventView[], live = false): OpsState {
  const next = { ...state.next };
  const added: EventView[] = [];
  for (const event of events) {
    if (event.offset < (next[event.partition] ?? 0)) continue;
    next[event.partition] = event.offset + 1;
    added.push(event);
  }
  if (added.length === 0) return state;
  const fresh = live && added.length <= MAX_FLASH;
  const rows = added.reverse().map((row) => (row.fresh === fresh ? row : { ...row, fresh }));
  const into = state.paused ? "held" : "rows";
  return { ...state, next, [into]: [...rows, ...state[into]].slice(0, MAX_ROWS) };
}

function pause(state: OpsState, paused: boolean): OpsState {
  if (paused) return { ...state, paused };
  const held = state.held.length > MAX_FLASH ? calm(state.held) : state.held;
  return { ...state, paused, held: [], rows: [...held, ...calm(state.rows)].slice(0, MAX_ROWS) };
}

/** A row that is taken off and shown again would flash again. */
function calm(rows: readonly EventView[]): readonly EventView[] {
  return rows.map((row) => (row.fresh ? { ...row, fresh: false } : row));
}

function isView(view: EventView | undefined): view is EventView {
  return view !== undefined;
}
