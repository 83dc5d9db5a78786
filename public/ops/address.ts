import { readTime } from "./time.ts";

/** What of the page its address keeps, so that a view can be shared. */
export interface Address {
  /** The filter as it was typed. */
  readonly filter: string;
  /** Show what was published from then on, in milliseconds since 1970; undefined: the newest, live. */
  readonly since: number | undefined;
}

export const PAGE_PATH = "/ops/crm-events";
/** Characters of a filter: the address has room for 8,192 with every one of them escaped. */
export const MAX_FILTER = 1_000;

/** Reads the query of the page's address. What cannot be read is as if it were not there. */
export function readAddress(query: string, now: number): Address {
  const given = new URLSearchParams(query);
  const since = given.get("since");
  return {
    filter: (given.get("filter") ?? "").slice(0, MAX_FILTER),
    since: since === null ? undefined : readTime(since, now),
  };
}

/** The page's address: path and query. */
export function writeAddress({ filter, since }: Address): string {
  const query = new URLSearchParams();
  if (filter.trim() !== "") query.set("filter", filter.trim());
  if (since !== undefined) query.set("since", new Date(since).toISOString());
  return query.size === 0 ? PAGE_PATH : `${PAGE_PATH}?${query}`;
}
