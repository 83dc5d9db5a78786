import { html } from "htm/preact";
import type { Commands } from "./commands.ts";
import { shortId } from "./frame.ts";
import type { DeadLetterView, OutboxView } from "./outbox-view.ts";
import { formatAge } from "./time.ts";

/** Seconds after which a waiting event is worth a word: many times what the relay needs. */
const LATE_SECONDS = 5;

const RELAY: Readonly<Record<string, string>> = {
  leading: "leads here",
  standby: "stands by, another leads",
  stopped: "is stopped here",
};

/** How the relay of this server stands and what waits for it, in four numbers. @param outbox undefined when nothing is known */
export function RelayStatus({ outbox }: { readonly outbox: OutboxView | undefined }) {
  if (outbox === undefined) return html`<p class="relay" data-mood="unknown"><span class="mood">no answer</span></p>`;
  const { relay, backlog, oldestSeconds, deadLetters } = outbox;
  const isLate = backlog > 0 && oldestSeconds > LATE_SECONDS;
  return html`
    <dl class="relay" data-mood=${deadLetters > 0 ? "dead" : isLate ? "late" : "calm"}>
      <div><dt>Leader</dt><dd>${RELAY[relay] ?? relay}</dd></div>
      <div><dt>Backlog</dt><dd class=${isLate ? "late" : undefined}>${backlog}</dd></div>
      <div><dt>Oldest</dt><dd class=${isLate ? "late" : undefined}>${backlog === 0 ? "–" : formatAge(oldestSeconds)}</dd></div>
      <div><dt>Dead letters</dt><dd class=${deadLetters > 0 ? "dead" : undefined}>${deadLetters}</dd></div>
    </dl>
  `;
}

/** The dead letters, oldest first, each with what can be done about it. Nothing when there are none. */
export function DeadLetters({
  outbox,
  commands,
}: {
  readonly outbox: OutboxView | undefined;
  readonly commands: Commands;
}) {
  if (outbox === undefined || outbox.deadLetters === 0) return null;
  const { deadLetters, letters } = outbox;
  return html`
    <details class="dead-letters">
      <summary>
        <span class="dead-count" role="status">${deadLetters === 1 ? "1 dead letter" : `${deadLetters} dead letters`}</span>
        <span>refused by the log again and again; later events of the same aggregate wait behind</span>
      </summary>
      <ol class="letters">
        ${letters.map((letter) => html`<${Letter} key=${letter.eventId} letter=${letter} commands=${commands} />`)}
      </ol>
      ${deadLetters > letters.length && html`<p class="more">${`${deadLetters - letters.length} more are not shown.`}</p>`}
      <p class="more no-script-only">
        Requeue or discard them with <code>aetherlink outbox requeue | discard</code> and the event's id, or by the API.
      </p>
    </details>
  `;
}

function Letter({ letter, commands }: { readonly letter: DeadLetterView; readonly commands: Commands }) {
  const decide = (action: "requeue" | "discard") => () =>
    commands.dispatch({ kind: "dialog", dialog: { kind: "decide", action, letter } });
  return html`
    <li>
      <div class="letter-words">
        <p>
          <strong>${letter.type}</strong>
          <span class="mono" title=${`Id ${letter.aggregateId}`}>${shortId(letter.aggregateId)}</span>
          <span>${`after ${letter.tries} tries; ${behindWords(letter.waiting)}`}</span>
        </p>
        <p class="error">${letter.lastError}</p>
        <p class="mono dim">${letter.eventId}</p>
      </div>
      <div class="letter-tools script-only">
        <button class="button small" type="button" onClick=${decide("requeue")}>Requeue…</button>
        <button class="button small danger" type="button" onClick=${decide("discard")}>Discard…</button>
      </div>
    </li>
  `;
}

/** How many events wait behind a dead letter. */
export function behindWords(waiting: number): string {
  return waiting === 1 ? "1 event waits behind it" : `${waiting} events wait behind it`;
}
