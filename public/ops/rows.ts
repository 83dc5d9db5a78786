import type { EventView } from "./frame.ts";

/** Rows on the page at most. */
export const MAX_ROWS = 500;
/** New rows in one frame up to which each flashes; more than these would be a flicker, not a hint, and nobody reads them all. */
export const FAST = 8;

/** The events of the page, newest first, at most MAX_ROWS each. */
export interface Rows {
  readonly shown: readonly EventView[];
  /** What came while new events are held back. */
  readonly held: readonly EventView[];
  /** How many came, those included that are not kept. */
  readonly heldCount: number;
  /** Next offset of each partition: an event below it was seen, and two rows of one key would confuse the renderer. */
  readonly next: Readonly<Record<number, number>>;
}

export const EMPTY: Rows = { shown: [], held: [], heldCount: 0, next: {} };

/** Those of the events that were not seen yet, each once. */
export function unseenOf(events: readonly EventView[], seen: Rows["next"]): readonly EventView[] {
  const next: Record<number, number> = { ...seen };
  return events.filter(({ partition, offset }) => {
    if (offset < (next[partition] ?? 0)) return false;
    next[partition] = offset + 1;
    return true;
  });
}

/**
 * Puts events on top, or among those that are held back.
 * @param seen all that came, in order, none of them seen before
 * @param added those of them that are wanted
 */
export function addEvents(
  rows: Rows,
  seen: readonly EventView[],
  added: readonly EventView[],
  { at, isHeld }: { readonly at: number; readonly isHeld: boolean },
): Rows {
  const next = nextBehind(rows.next, seen);
  if (added.length === 0) return { ...rows, next };
  const fresh = added.length <= FAST;
  const newest = newestFirst(added);
  if (isHeld) return { ...rows, next, held: on(newest, rows.held), heldCount: rows.heldCount + added.length };
  return {
    ...rows,
    next,
    shown: on(
      newest.map((row) => ({ ...row, fresh, shownAt: at })),
      rows.shown,
    ),
  };
}

/**
 * Shows these in place of all others; each once.
 * @param at when they are drawn; undefined for those that the page came with
 */
export function replaceEvents(rows: Rows, events: readonly EventView[], at: number | undefined): Rows {
  const seen = new Map(events.map((event) => [event.key, at === undefined ? event : { ...event, shownAt: at }]));
  const kept = newestFirst([...seen.values()]);
  const before = at === undefined ? rows.next : {};
  return { shown: kept, held: [], heldCount: 0, next: nextBehind(before, events) };
}

/** Shows what was held back. */
export function resume(rows: Rows, at: number): Rows {
  if (rows.heldCount === 0) return rows;
  const fresh = rows.heldCount <= FAST;
  const held = rows.held.map((row) => ({ ...row, fresh, shownAt: at }));
  return { ...rows, shown: on(held, calm(rows.shown)), held: [], heldCount: 0 };
}

/** Rows that flash no more. */
export function calm(rows: readonly EventView[]): readonly EventView[] {
  return rows.some((row) => row.fresh) ? rows.map((row) => (row.fresh ? { ...row, fresh: false } : row)) : rows;
}

function on(newest: readonly EventView[], rows: readonly EventView[]): readonly EventView[] {
  return newest.length >= MAX_ROWS ? newest : [...newest, ...rows.slice(0, MAX_ROWS - newest.length)];
}

function newestFirst(events: readonly EventView[]): readonly EventView[] {
  return events.slice(-MAX_ROWS).reverse();
}

function nextBehind(next: Rows["next"], events: readonly EventView[]): Rows["next"] {
  const behind: Record<number, number> = { ...next };
  for (const { partition, offset } of events) behind[partition] = Math.max(behind[partition] ?? 0, offset + 1);
  return behind;
}
