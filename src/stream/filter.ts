import type { Frame } from "./frame.ts";
import type { Viewer } from "./viewer.ts";

/** What a client wants to see. Within a list one match is enough, except `texts`; an empty list asks for nothing. */
export interface Filter {
  /** Event types; `*` stands for any text. */
  readonly types: readonly string[];
  /** UUIDs. */
  readonly tenants: readonly string[];
  /** Ids of aggregates, which are the records' keys. */
  readonly aggregates: readonly string[];
  /** Texts that must all stand somewhere in the event's JSON. */
  readonly texts: readonly string[];
}

/** Lets everything through. */
export const NO_FILTER: Filter = { types: [], tenants: [], aggregates: [], texts: [] };

/** True when a frame is for somebody. */
export type Matches = (frame: Frame) => boolean;

/** Names what a viewer with a filter is sent: two with the same name are sent the same bytes. */
export function audienceKey(viewer: Viewer, filter: Filter): string {
  const tenants = viewer.tenants === "all" ? "all" : inOrder([...viewer.tenants]);
  return JSON.stringify([tenants, ...[filter.types, filter.tenants, filter.aggregates, filter.texts].map(inOrder)]);
}

/**
 * What a viewer with a filter is sent. Case does not count; a frame that may not be seen never matches.
 * @returns undefined when that is everything
 */
export function compile(viewer: Viewer, filter: Filter): Matches | undefined {
  const conditions: Matches[] = [];
  const { tenants: allowed } = viewer;
  if (allowed !== "all") conditions.push(({ tenantId }) => tenantId !== undefined && allowed.has(tenantId));
  if (filter.tenants.length > 0) {
    const tenants = new Set(filter.tenants.map(lower));
    conditions.push(({ tenantId }) => tenantId !== undefined && tenants.has(tenantId));
  }
  if (filter.aggregates.length > 0) {
    const aggregates = new Set(filter.aggregates.map(lower));
    conditions.push(({ key }) => key !== null && aggregates.has(lower(key)));
  }
  if (filter.types.length > 0) {
    const patterns = filter.types.map(toPattern);
    conditions.push(({ type }) => type !== undefined && patterns.some((matches) => matches(type)));
  }
  // As it stands in JSON: a quotation mark is written with a backslash there. The dearest condition is the last.
  for (const text of filter.texts.map((text) => lower(JSON.stringify(text).slice(1, -1))))
    conditions.push((frame) => frame.searchable.includes(text));
  return conditions.length === 0 ? undefined : (frame) => conditions.every((holds) => holds(frame));
}

/**
 * A pattern in which `*` stands for any text. Not a regular expression: forty stars in one of those are tried in more ways
 * than there is time for, and here each part is looked for once.
 */
function toPattern(pattern: string): (text: string) => boolean {
  const [first = "", ...rest] = lower(pattern).split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => lower(text) === first;
  return (text) => {
    const whole = lower(text);
    if (!whole.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = whole.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return whole.length - last.length >= at && whole.endsWith(last);
  };
}

function inOrder(texts: readonly string[]): string[] {
  return [...new Set(texts.map(lower))].sort();
}

function lower(text: string): string {
  return text.toLowerCase();
}
