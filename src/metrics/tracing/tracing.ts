import type { Trace } from "../trace.ts";

/** What is known of a piece of work, by the names of OpenTelemetry's semantic conventions where there is one. */
export type Attributes = Readonly<Record<string, string | number>>;

/** How a piece of work ended. */
export interface Outcome {
  readonly name: string;
  /** Milliseconds since 1970, with fractions. */
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it failed; undefined when it did not. */
  readonly error?: string | undefined;
}

/** A request's span while it is under way. */
export interface RequestSpan {
  /** What to pass on: the caller's trace, or a new one, with this span in it. */
  readonly trace: Trace;
  /** To be called once. */
  end(outcome: Outcome): void;
}

/** A piece of work that is over. */
export interface Work extends Outcome {
  readonly kind: "client" | "producer" | "consumer";
  /** The traceparent that it was done for. */
  readonly parent: string;
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number;
}

/**
 * Where spans go. Nothing here waits, throws or keeps more than so many spans: what cannot be sent is dropped.
 * Parts take it as an option, and do without where it is missing.
 */
export interface Tracing {
  /** @param traceparent the caller's header; a new trace begins when it is missing or malformed */
  request(traceparent: string | undefined, startMs: number): RequestSpan;
  /** Records a span; does nothing below a parent that is malformed. */
  record(work: Work): void;
  /** Sends what is left. Safe twice, never rejects; waits as long as the receiver is given for a batch. */
  stop(): Promise<void>;
}

/** A clock for spans: milliseconds since 1970, by a clock that only goes forward between begin and end. */
export function stopwatch(): { readonly startMs: number; endMs(): number } {
  const startMs = Date.now();
  const began = performance.now();
  return { startMs, endMs: () => startMs + performance.now() - began };
}
