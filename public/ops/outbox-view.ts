import { fields } from "./frame.ts";

/** How the outbox does, as `GET /api/ops/outbox` tells it, with the oldest dead letters. */
export interface OutboxView {
  /** Of the server that answered: another one may lead. */
  readonly relay: string;
  readonly backlog: number;
  readonly oldestSeconds: number;
  readonly deadLetters: number;
  readonly letters: readonly DeadLetterView[];
}

/** An event that waits for a person's decision. */
export interface DeadLetterView {
  readonly eventId: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly tenantId: string;
  readonly tries: number;
  readonly waiting: number;
  readonly lastError: string;
}

/** Dead letters that are listed; the rest is a number. */
export const MAX_LETTERS = 20;

/** Reads the answers of the API; undefined when they are not what was expected. */
export function viewOutbox(report: unknown, letters: unknown): OutboxView | undefined {
  const { relay, backlog, oldestUnpublishedAgeSeconds, deadLetters } = fields(report);
  const { state } = fields(relay);
  if (typeof state !== "string" || typeof backlog !== "number" || typeof deadLetters !== "number") return undefined;
  return {
    relay: state,
    backlog,
    oldestSeconds: typeof oldestUnpublishedAgeSeconds === "number" ? oldestUnpublishedAgeSeconds : 0,
    deadLetters,
    letters: Array.isArray(letters) ? letters.slice(0, MAX_LETTERS).map(viewLetter) : [],
  };
}

function viewLetter(letter: unknown): DeadLetterView {
  const { eventId, type, aggregateId, tenantId, tries, waiting, lastError } = fields(letter);
  return {
    eventId: String(eventId),
    type: String(type),
    aggregateId: String(aggregateId),
    tenantId: String(tenantId),
    tries: Number(tries),
    waiting: Number(waiting),
    lastError: String(lastError),
  };
}
