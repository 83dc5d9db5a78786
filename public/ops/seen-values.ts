import { readKey, type SeenValues, valuesOf } from "../../src/filter/index.ts";
import type { EventView } from "./frame.ts";
import { tally } from "./rates.ts";

/** Rows that are looked at for values. */
const MAX_ROWS = 500;
/** Characters of a value that is worth suggesting. */
const MAX_LENGTH = 80;

/** The values that rows have, the most frequent first. */
export function seenValues(rows: readonly EventView[]): SeenValues {
  return (name) => {
    const key = readKey(name);
    if (key === undefined) return [];
    const values = rows.slice(0, MAX_ROWS).flatMap(({ frame }) => valuesOf(frame, key));
    return tally(values.filter(({ length }) => length > 0 && length <= MAX_LENGTH)).map(([value]) => value);
  };
}
