import { compile, narrow, type Query } from "../filter/index.ts";
import { compileFilter, EVERYTHING, type Filter, type Frame, type Matches } from "../stream/index.ts";

/** Frames whose JSON is read for one page; a ring may hold 200,000, which would take a second. */
const MAX_READ = 5_000;

/**
 * What of the ring a page with a filter is rendered with. The cheap part is asked first, as the stream would.
 * @param since milliseconds since 1970; undefined: from any time
 */
export function wantedBy(query: Query, since: number | undefined): Matches {
  const asked = narrow(query);
  const values = (name: string) => asked.filter(([parameter]) => parameter === name).map(([, value]) => value);
  const filter: Filter = {
    types: values("type"),
    tenants: values("tenant"),
    aggregates: values("aggregate"),
    texts: values("q"),
  };
  const isNear = compileFilter(EVERYTHING, filter);
  const matches = compile(query);
  let left = MAX_READ;
  return (frame: Frame) => {
    if (since !== undefined && frame.timestamp < since) return false;
    if (query.terms.length === 0) return true;
    if (isNear?.(frame) === false) return false;
    left -= 1;
    return left >= 0 && matches(JSON.parse(frame.json));
  };
}
