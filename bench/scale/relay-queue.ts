/** The relay's queue, simulated: how long an event waits for one leader, or for one of several that share the tenants. */
import { quantile } from "../harness/stats.ts";

export interface Queue {
  /** Events that commit in a second, at random moments. */
  readonly perSecond: number;
  /** Leaders, each with the events of its own tenants. */
  readonly leaders: number;
  /** Seconds for one event of a batch. */
  readonly eventS: number;
  /** Seconds for a batch whatever is in it: the read's and the mark's round trips and Kafka's acknowledgement. */
  readonly batchS: number;
  /** Events of a batch at most. */
  readonly batch: number;
}

export interface Waits {
  /** Milliseconds from commit to acknowledgement. */
  readonly p50: number;
  readonly p99: number;
  /** Share of the time in which a leader is at work. */
  readonly busy: number;
  /** False when the queue only grows. */
  readonly isStable: boolean;
}

/** Seconds that are simulated, and the part of them that is left out at the beginning. */
const SIMULATED_S = 8;
const WARM_UP = 0.2;

/** Simulates one leader with its share of the events; all are alike. @param random numbers from 0 to below 1 */
export function simulate({ perSecond, leaders, eventS, batchS, batch }: Queue, random: () => number): Waits {
  const rate = perSecond / leaders;
  const waits: number[] = [];
  // Those before `taken` were served.
  const arrivals: number[] = [];
  let taken = 0;
  let next = gap(rate, random);
  let [time, worked] = [0, 0];
  while (time < SIMULATED_S) {
    for (; next <= time; next += gap(rate, random)) arrivals.push(next);
    const size = Math.min(batch, arrivals.length - taken);
    if (size === 0) {
      time = next;
      continue;
    }
    const service = batchS + size * eventS;
    time += service;
    worked += service;
    const isCounted = time > SIMULATED_S * WARM_UP;
    for (const end = taken + size; taken < end; taken++)
      if (isCounted) waits.push((time - (arrivals[taken] ?? time)) * 1_000);
  }
  const capacity = batch / (batchS + batch * eventS);
  return { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), busy: worked / time, isStable: rate < capacity };
}

/** Seconds to the next of independent arrivals: exponentially distributed. */
function gap(rate: number, random: () => number): number {
  return -Math.log(1 - random()) / rate;
}

/** Numbers that look random and are the same in every run. Source: mulberry32, https://github.com/bryc/code (public domain). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
