import { html } from "htm/preact";
import { useState } from "preact/hooks";
import type { Commands } from "./commands.ts";
import { Modal } from "./dialog.ts";

interface JumpProps {
  /** By the server's clock, in milliseconds since 1970. */
  readonly now: number;
  readonly commands: Commands;
  onClose(): void;
}

const AGES = [
  ["5 minutes ago", 300_000],
  ["1 hour ago", 3_600_000],
  ["6 hours ago", 21_600_000],
  ["1 day ago", 86_400_000],
  ["7 days ago", 604_800_000],
] as const;

/** Asks for a time from which on the log is shown. */
export function Jump({ now, commands, onClose }: JumpProps) {
  const [at, setAt] = useState("");
  const go = (since: number | undefined) => {
    onClose();
    commands.jump(since);
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const time = new Date(at).getTime();
    if (!Number.isNaN(time)) go(Math.max(0, time));
  };
  return html`
    <${Modal} title="Jump to an earlier time" onClose=${onClose}>
      <p class="dim">Shows what was published from then on, out of the log, with the filter as it is.</p>
      <div class="choices">
        ${AGES.map(([name, ms]) => html`<button class="button" type="button" onClick=${() => go(now - ms)}>${name}</button>`)}
        <button class="button" type="button" onClick=${() => go(0)}>Oldest kept</button>
        <button class="button" type="button" onClick=${() => go(undefined)}>Newest, live</button>
      </div>
      <form class="fields" onSubmit=${onSubmit}>
        <label>Day and time, of your clock
          <input class="field" type="datetime-local" step="1" required value=${at}
            onInput=${(event: { currentTarget: HTMLInputElement }) => setAt(event.currentTarget.value)} />
        </label>
        <div class="dialog-tools"><button class="button primary" type="submit">Jump</button></div>
      </form>
    <//>
  `;
}
