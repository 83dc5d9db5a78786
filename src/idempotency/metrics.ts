import { Counter, type Registry } from "prom-client";
import type { WriteRow } from "./write.ts";

/** What a write with a key may come to, by what its function says. */
const RESULTS = { proceed: "first", replay: "replayed", busy: "in_progress", mismatch: "mismatch" } as const;

/** The series of the Idempotency-Key. Made once, by the composition root. */
export class IdempotencyMetrics {
  readonly #requests: Counter<"result">;

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: "idempotency_requests_total",
      help: "Writes with an Idempotency-Key: first, replayed (answered as before), in_progress (refused, the key is being worked on) or mismatch (refused, the key was another request's).",
      labelNames: ["result"],
      registers: [registry],
    });
    // A series that is not there before its first event cannot show an increase.
    for (const result of Object.values(RESULTS)) this.#requests.inc({ result }, 0);
  }

  /** Counts a write that had a key. */
  readonly written = (outcome: WriteRow["outcome"]): void => {
    this.#requests.inc({ result: RESULTS[outcome] });
  };
}
