import { within } from "../deadline.ts";
import type { ProbeState, ProbeStates } from "./heartbeat.ts";
import { PROBES, type ProbeName } from "./rules.ts";

/** What one look at a part finds. `up` null: cannot be told now. */
export interface Finding {
  readonly up: boolean | null;
  readonly detail: string;
}

/** Looks at a part. Must end within a second or so; what rejects is down. */
export type Probe = () => Promise<Finding>;
/** All the probes there are here. */
export type Probes = Readonly<Partial<Record<ProbeName, Probe>>>;

/** Milliseconds that a look may take. */
export const LOOK_MS = 1_000;
/** What a part's own work needs: while one of these is down, nothing can be told of it. */
const NEEDS: Readonly<Record<ProbeName, readonly ProbeName[]>> = {
  database: [],
  broker: [],
  topic: ["broker"],
  relay: ["database", "broker", "topic"],
  stream: ["broker", "topic"],
};

/**
 * Tells standing still from being slow: something waits, and the first of what waits is the same as before. A backlog of an
 * hour that is being worked off is old, and all is well.
 */
export class Progress {
  #position: string | undefined;
  #since = 0;

  /**
   * @param position of the first thing that waits; undefined when nothing does
   * @param now milliseconds on a clock that only goes forward
   * @returns milliseconds for which it has stood there
   */
  look(position: string | undefined, now: number): number {
    if (position === undefined || position !== this.#position) this.#since = now;
    this.#position = position;
    return now - this.#since;
  }
}

/** Looks at all parts together, and remembers since when each is down. */
export class ProbeBoard {
  states: ProbeStates = {};
  /** Looks that are over. */
  looks = 0;
  readonly #probes: Probes;
  readonly #clock: () => number;
  readonly #downSince = new Map<ProbeName, number>();
  /** Answers that are still to come. */
  readonly #asked = new Map<ProbeName, Promise<Finding>>();
  #looked = Promise.withResolvers<void>();

  /** @param clock milliseconds on a clock that only goes forward */
  constructor(probes: Probes, clock: () => number = () => performance.now()) {
    this.#probes = probes;
    this.#clock = clock;
  }

  /** Looks at everything once. @returns true when a part is up now that was not, or the other way round */
  async look(): Promise<boolean> {
    const names = PROBES.filter((name) => this.#probes[name] !== undefined);
    // What does not answer is down from when it was asked.
    const now = this.#clock();
    const found = new Map(await Promise.all(names.map(async (name) => [name, await this.#ask(name)] as const)));
    const states: Partial<Record<ProbeName, ProbeState>> = {};
    for (const [name, finding] of found) {
      const lacking = NEEDS[name].find((need) => found.get(need)?.up === false);
      const { up, detail } = lacking === undefined ? finding : { up: null, detail: `cannot be told: no ${lacking}` };
      if (up === false) this.#downSince.set(name, this.#downSince.get(name) ?? now);
      else this.#downSince.delete(name);
      const downMs = now - (this.#downSince.get(name) ?? now);
      states[name] = { up, detail, downSeconds: Math.round(downMs) / 1_000 };
    }
    const before = this.states;
    this.states = states;
    this.looks++;
    this.#looked.resolve();
    this.#looked = Promise.withResolvers<void>();
    return names.some((name) => before[name]?.up !== states[name]?.up);
  }

  /** Resolves with true once a look that begins from now on finds the part well; with false when `ms` are over, or on abort. */
  async recovers(name: ProbeName, ms: number, signal: AbortSignal): Promise<boolean> {
    // The look under way may have begun before.
    const from = this.looks + 1;
    const deadline = this.#clock() + ms;
    while (!signal.aborted) {
      if (this.looks > from && this.states[name]?.up === true) return true;
      const left = deadline - this.#clock();
      if (left <= 0) return false;
      await within(Math.min(left, LOOK_MS), this.#looked.promise);
    }
    return false;
  }

  /** A question that is not answered is not asked again: those that hang would fill the pool. */
  async #ask(name: ProbeName): Promise<Finding> {
    try {
      const answer = this.#asked.get(name) ?? this.#probes[name]?.() ?? Promise.resolve(NOTHING);
      this.#asked.set(name, answer);
      const forget = () => this.#asked.delete(name);
      answer.then(forget, forget);
      const found = await within(LOOK_MS, answer);
      return found === "late" ? { up: false, detail: `no answer within ${LOOK_MS / 1_000} s` } : found;
    } catch (error) {
      return { up: false, detail: error instanceof Error ? error.message : String(error) };
    }
  }
}

const NOTHING: Finding = { up: null, detail: "is not looked at here" };
