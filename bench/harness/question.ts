/** What a question of the benchmark is made of. */
import type { Bench } from "./bench.ts";
import type { Need } from "./needs.ts";

/** What is promised. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** One row of the results. */
export interface Figure {
  readonly what: string;
  /** Such as `events/s`; empty for a ratio. */
  readonly unit: string;
  /** One value a round; the median is held against the bar. */
  readonly values: readonly number[];
  readonly bar?: Bar | undefined;
  /** Digits behind the point. */
  readonly digits?: number;
  /** Why it is so, above all where a bar is missed. */
  readonly why?: string | undefined;
}

/** What one process used while something was measured. */
export interface Usage {
  readonly during: string;
  readonly process: string;
  /** Cores in each window. */
  readonly cores: readonly number[];
  /** Most memory seen, MB of 2^20 bytes. */
  readonly peakMb: number;
}

export interface Question {
  readonly name: string;
  /** The question itself, as a sentence. */
  readonly asks: string;
  /** Without these it is not run, and named as such. */
  readonly needs: readonly Need[];
  /** Whether it is part of `quick`. */
  readonly inQuick?: false;
  measure(bench: Bench): Promise<void>;
}

/** What is kept of a question. */
export interface Answer {
  readonly name: string;
  readonly asks: string;
  /** ISO 8601. */
  readonly at: string;
  readonly commit: string;
  readonly seconds: number;
  /** Load average of the machine before and after. */
  readonly load: readonly [before: number, after: number];
  /** Why it was not run or did not come to its end. */
  readonly notRun?: string | undefined;
  readonly figures: readonly Figure[];
  readonly usage: readonly Usage[];
  /** Markdown below the tables. */
  readonly notes: readonly string[];
}

/** Whether a figure keeps its bar; undefined without one. A figure that could not be measured does not. */
export function isMet(value: number, bar: Bar | undefined): boolean | undefined {
  if (bar === undefined) return undefined;
  return "atLeast" in bar ? value >= bar.atLeast : value <= bar.atMost;
}
