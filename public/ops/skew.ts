/** How far the reader's clock is ahead of the server's, in milliseconds, and by how much that may be wrong. */
export interface Skew {
  readonly ms: number;
  readonly error: number;
}

/** Milliseconds after which a bound counts no longer: clocks drift, and people set them. */
const KEPT_MS = 600_000;

/**
 * Finds out how far two clocks are apart. What the server wrote at its time s and reached us at our time t bounds it from
 * above by t - s; what we asked for at our time a and was written at s bounds it from below by a - s. Between the two is
 * where it lies: Marzullo's interval, as in NTP (RFC 5905, section 11).
 */
export class SkewMeter {
  #lows: [at: number, bound: number][] = [];
  #highs: [at: number, bound: number][] = [];

  /** @param serverTime that stands in an answer @param arrivedAt @param askedAt by the reader's clock; undefined: nobody asked */
  note(serverTime: number, arrivedAt: number, askedAt?: number): void {
    this.#highs = keep(this.#highs, arrivedAt, arrivedAt - serverTime, Math.min);
    if (askedAt !== undefined) this.#lows = keep(this.#lows, arrivedAt, askedAt - serverTime, Math.max);
  }

  /** Undefined until both bounds are known. */
  get skew(): Skew | undefined {
    const [low, high] = [this.#lows.at(-1)?.[1], this.#highs.at(-1)?.[1]];
    if (low === undefined || high === undefined) return undefined;
    return { ms: Math.round((low + high) / 2), error: Math.ceil(Math.abs(high - low) / 2) };
  }
}

/** The tightest bounds of the time that counts, the tightest last. */
function keep(
  bounds: readonly [number, number][],
  at: number,
  bound: number,
  tighter: (a: number, b: number) => number,
): [number, number][] {
  const recent = bounds.filter(([then]) => at - then < KEPT_MS && then <= at);
  const best = recent.at(-1)?.[1];
  if (best !== undefined && tighter(best, bound) === best && best !== bound) return recent;
  return [[at, bound]];
}
