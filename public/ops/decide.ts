import { html } from "htm/preact";
import { useState } from "preact/hooks";
import type { Commands } from "./commands.ts";
import { Modal } from "./dialog.ts";
import { behindWords } from "./outbox.ts";
import { OUTBOX_ROOT } from "./outbox-poll.ts";
import type { DeadLetterView } from "./outbox-view.ts";
import { problemOf } from "./problem.ts";

interface DecideProps {
  readonly action: "requeue" | "discard";
  readonly letter: DeadLetterView;
  readonly commands: Commands;
  onClose(): void;
}

const WORDS = {
  requeue: {
    title: "Requeue this event?",
    what: "The relay tries five more times to publish it. If its cause was not mended it will be back here.",
    verb: "Requeue",
  },
  discard: {
    title: "Discard this event?",
    what: "It is never published: nobody who follows the events learns of this change. This cannot be undone.",
    verb: "Discard",
  },
} as const;

/** Asks before a dead letter is requeued or discarded, and for a reason, which stands in the audit. */
export function Decide({ action, letter, commands, onClose }: DecideProps) {
  const [problem, setProblem] = useState("");
  const [isSending, setSending] = useState(false);
  const { title, what, verb } = WORDS[action];
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isSending || !(event.currentTarget instanceof HTMLFormElement)) return;
    const reason = String(new FormData(event.currentTarget).get("reason")).trim();
    setSending(true);
    setProblem("");
    const failed = await send(letter.eventId, action, reason);
    setSending(false);
    if (failed !== undefined) return setProblem(failed);
    commands.dispatch({ kind: "announce", text: `${letter.type} ${action === "requeue" ? "requeued" : "discarded"}` });
    commands.askOutbox();
    onClose();
  };
  return html`
    <${Modal} title=${title} onClose=${onClose}>
      <p>${what}</p>
      <dl class="facts">
        <div><dt>Event</dt><dd><strong>${letter.type}</strong> <span class="mono">${letter.eventId}</span></dd></div>
        <div><dt>Aggregate</dt><dd class="mono">${letter.aggregateId}</dd></div>
        <div><dt>Behind it</dt><dd>${behindWords(letter.waiting)}, and go on then</dd></div>
        <div><dt>Error</dt><dd class="error">${letter.lastError}</dd></div>
      </dl>
      <form class="fields" onSubmit=${onSubmit}>
        <label>Reason, for the audit (may be empty)<input class="field" name="reason" maxlength="500" autocomplete="off" /></label>
        ${problem !== "" && html`<p class="problem" role="alert">${problem}</p>`}
        <div class="dialog-tools">
          <button class="button" type="button" autofocus onClick=${onClose}>Cancel</button>
          <button class=${action === "discard" ? "button danger" : "button primary"} type="submit">${isSending ? "Sending…" : verb}</button>
        </div>
      </form>
    <//>
  `;
}

/** @returns what went wrong; undefined when nothing did */
async function send(eventId: string, action: "requeue" | "discard", reason: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${OUTBOX_ROOT}/dead-letters/${encodeURIComponent(eventId)}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(reason === "" ? {} : { reason }),
    });
    return response.ok ? undefined : await problemOf(response);
  } catch (error) {
    return `The server cannot be reached: ${error instanceof Error ? error.message : error}`;
  }
}
