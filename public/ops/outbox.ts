import { html } from "htm/preact";
import { shortId } from "./frame.ts";

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
/** Seconds after which a waiting event is worth a word: many times what the relay needs. */
const LATE_SECONDS = 5;

const RELAY: Readonly<Record<string, string>> = {
  leading: "relay leads here",
  standby: "relay stands by here",
  stopped: "relay is stopped here",
};

/**
 * One line below the header; it opens to the dead letters when there are any.
 * @param outbox undefined when nothing is known about it, such as while the database is away
 */
export function Outbox({ outbox }: { readonly outbox: OutboxView | undefined }) {
  if (outbox === undefined) return html`<p class="outbox" data-mood="unknown">Outbox: no answer</p>`;
  const { deadLetters, letters } = outbox;
  const line = html`
    <span class="outbox-words">${waitingWords(outbox)}</span>
    <span class="outbox-relay">${RELAY[outbox.relay] ?? outbox.relay}</span>
  `;
  if (deadLetters === 0) return html`<p class="outbox" data-mood=${moodOf(outbox)}>${line}</p>`;
  return html`
    <details class="outbox" data-mood="dead">
      <summary>
        <span class="dead-count" role="status">${deadLetters === 1 ? "1 dead letter" : `${deadLetters} dead letters`}</span>
        ${line}
      </summary>
      <ol class="letters">${letters.map((letter) => html`<${Letter} key=${letter.eventId} letter=${letter} />`)}</ol>
      ${deadLetters > letters.length && html`<p class="more">${deadLetters - letters.length} more are not shown.</p>`}
      <p class="more">
        Requeue or discard them with <code>aetherlink outbox requeue | discard</code> and the event's id, or by the API.
      </p>
    </details>
  `;
}

function Letter({ letter }: { readonly letter: DeadLetterView }) {
  const behind = letter.waiting === 1 ? "1 event waits behind it" : `${letter.waiting} events wait behind it`;
  return html`
    <li>
      <p>
        <strong>${letter.type}</strong>
        <span class="mono" title=${`Id ${letter.aggregateId}`}>${shortId(letter.aggregateId)}</span>
        <span>after ${letter.tries} tries; ${behind}</span>
      </p>
      <p class="error">${letter.lastError}</p>
      <p class="mono">${letter.eventId}</p>
    </li>
  `;
}

function moodOf({ oldestSeconds, backlog }: OutboxView): string {
  return backlog > 0 && oldestSeconds > LATE_SECONDS ? "late" : "calm";
}

function waitingWords({ backlog, oldestSeconds }: OutboxView): string {
  if (backlog === 0) return "Outbox: nothing waits";
  const events = backlog === 1 ? "1 event waits" : `${backlog} events wait`;
  return `Outbox: ${events}, the oldest for ${ageWords(oldestSeconds)}`;
}

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function ageWords(seconds: number): string {
  if (seconds < 1) return "under 1 s";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

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

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
