import type { Logger } from "../metrics/logger.ts";
import { parseTraceparent } from "../metrics/trace.ts";
import type { OutboxRow } from "./record.ts";
import type { Settlement } from "./settle.ts";
import { MAX_TRIES } from "./store.ts";

/** Lines for one batch at most: a log that refuses everything refuses a thousand at once. */
const LINES = 10;

/** Says in the log what became of events that were not published, with the trace that each was written in: it leads to the request. */
export class ProblemLog {
  readonly #logger: Logger;
  #isAway = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  readonly settled = ({ refused, left, published, interruption }: Settlement): void => {
    for (const { row, error } of refused.slice(0, LINES)) {
      const tries = row.retry_count + 1;
      if (tries < MAX_TRIES) this.#logger.warn({ ...about(row), tries, error }, "the event log refused an event");
      else this.#logger.error({ ...about(row), tries, error }, "an event is a dead letter: requeue or discard it");
    }
    if (refused.length > LINES) this.#logger.warn({ more: refused.length - LINES }, "more events were refused");
    const [first] = left;
    // Once while it lasts; the relay says each time that it tries again.
    if (first !== undefined && interruption !== undefined && !this.#isAway) {
      const { message: reason } = interruption;
      this.#logger.warn({ events: left.length, first: about(first), reason }, "events wait for the event log");
    }
    if (left.length > 0) this.#isAway = true;
    else if (published.length > 0) this.#isAway = false;
  };
}

function about(row: OutboxRow) {
  const { event_id: eventId, type, tenant_id: tenantId, traceparent } = row;
  return { eventId, type, tenantId, traceId: parseTraceparent(traceparent)?.traceId };
}
