import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AckStatus } from "../../src/autoheal/status.ts";
import { formatAge, formatClock, formatDay } from "../ops/time.ts";
import type { Commands } from "./commands.ts";
import { type AutohealState, causesOf } from "./state.ts";

interface AcksProps {
  readonly state: AutohealState;
  readonly commands: Commands;
}

const DURATIONS = [
  [15, "15 minutes"],
  [60, "1 hour"],
  [240, "4 hours"],
  [1_440, "1 day"],
  [10_080, "1 week"],
] as const;

/** Causes that a person knows of, and a form for one more: until it expires nothing is done about it. */
export function Acks({ state, commands }: AcksProps) {
  const acks = state.status?.acks ?? [];
  return html`
    <section class="panel wide" aria-labelledby="acks">
      <h2 id="acks">Acknowledged</h2>
      <p class="panel-words">While you mend something yourself, autoheal leaves it alone: until it expires, nothing is done about the cause.</p>
      ${acks.length === 0 && html`<p class="none">Nothing is acknowledged.</p>`}
      <ul class="rows">${acks.map((ack) => html`<${Ack} key=${ack.id} ack=${ack} state=${state} />`)}</ul>
      <${Form} state=${state} commands=${commands} />
      <p class="none no-script-only">
        With scripts off: <code>POST /autoheal/ack</code> with <code>cause</code>, <code>note</code> and <code>minutes</code>.
      </p>
    </section>
  `;
}

function Ack({ ack, state: { now, zone } }: { readonly ack: AckStatus; readonly state: AutohealState }) {
  const ends = Date.parse(ack.expiresAt);
  return html`
    <li class="row ack-row">
      <span class="row-main">${ack.cause}</span>
      <span class="row-words">${ack.note}</span>
      <span class="dim">
        <bdi>${ack.actor}</bdi>${`; ${ack.fingerprint === null ? "" : `alert ${ack.fingerprint} alone; `}until ${formatDay(ends, zone)} ${formatClock(ends, zone).slice(0, 5)}${zone === "utc" ? " UTC" : ""}, ${formatAge(Math.max(0, ends - now) / 1_000)} from now`}
      </span>
    </li>
  `;
}

function Form({ state, commands }: AcksProps) {
  const [problem, setProblem] = useState("");
  const [isSending, setSending] = useState(false);
  const cause = useRef<HTMLInputElement>(null);
  const note = useRef<HTMLInputElement>(null);
  // A row has asked for it.
  useEffect(() => {
    if (state.cause === "" || cause.current === null) return;
    cause.current.value = state.cause;
    note.current?.focus();
    commands.dispatch({ kind: "cause", cause: "" });
  }, [state.cause]);
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (isSending || !(form instanceof HTMLFormElement)) return;
    const fields = new FormData(form);
    const text = (name: string) => String(fields.get(name)).trim();
    setSending(true);
    setProblem("");
    const ack = { cause: text("cause"), note: text("note"), minutes: Number(text("minutes")) };
    const failed = await commands.acknowledge(ack);
    setSending(false);
    if (failed !== undefined) return setProblem(failed);
    form.reset();
    commands.dispatch({ kind: "announce", text: `${ack.cause} is acknowledged` });
  };
  return html`
    <form class="ack-form script-only" onSubmit=${onSubmit}>
      <label>Cause<input class="field" name="cause" ref=${cause} list="causes" required maxlength="206" autocomplete="off" placeholder="alert OutboxBacklogOld" /></label>
      <datalist id="causes">${causesOf(state).map((one) => html`<option key=${one} value=${one} />`)}</datalist>
      <label>Note, for the audit<input class="field" name="note" ref=${note} required maxlength="500" autocomplete="off" /></label>
      <label>For
        <select class="field" name="minutes">
          ${DURATIONS.map(([minutes, words]) => html`<option key=${minutes} value=${minutes} selected=${minutes === 60}>${words}</option>`)}
        </select>
      </label>
      <button class="button primary" type="submit">${isSending ? "Sending…" : "Acknowledge"}</button>
      ${problem !== "" && html`<p class="problem" role="alert">${problem}</p>`}
    </form>
  `;
}
