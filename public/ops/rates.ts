import { type EventView, TONES } from "./frame.ts";

/** Events of one second, by tone in the order of TONES. */
export interface Bucket {
  /** Seconds since 1970, of the log's time. */
  readonly second: number;
  readonly counts: readonly number[];
}

/** Seconds that the sparkline shows. */
export const WINDOW_S = 60;
/** Seconds kept beyond it, for a reader's clock that is off. */
const SLACK_S = 60;

/**
 * The buckets with events counted in, oldest first. Seconds too long ago are let go of, and nothing counts that a foreign
 * producer wrote into the future.
 * @param now milliseconds since 1970, by the server's clock
 */
export function countIn(buckets: readonly Bucket[], events: readonly EventView[], now: number): readonly Bucket[] {
  const bySecond = new Map(buckets.map(({ second, counts }) => [second, [...counts]]));
  for (const { time, tone } of events) {
    if (time === undefined) continue;
    const second = Math.floor(time / 1_000);
    const counts = bySecond.get(second) ?? TONES.map(() => 0);
    const at = TONES.indexOf(tone);
    counts[at] = (counts[at] ?? 0) + 1;
    bySecond.set(second, counts);
  }
  return [...bySecond]
    .filter(([second]) => Math.abs(now / 1_000 - second) <= WINDOW_S + SLACK_S)
    .sort(([a], [b]) => a - b)
    .map(([second, counts]) => ({ second, counts }));
}

/** How many of each value there are, the most first, then by name. */
export function tally(values: Iterable<string>): readonly (readonly [value: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}
