import { html } from "htm/preact";
import type { Preview as Row } from "../../src/autoheal/status.ts";
import { Action, Badge } from "./badge.ts";
import type { Commands } from "./commands.ts";
import type { AutohealState } from "./state.ts";

interface PreviewProps {
  readonly state: AutohealState;
  readonly commands: Commands;
}

/** What each rule would do if its trigger came now: decided by the very function that the leader decides by. */
export function Preview({ state, commands }: PreviewProps) {
  const { status } = state;
  if (status === null) return null;
  return html`
    <section class="panel" aria-labelledby="preview">
      <h2 id="preview">What would happen now</h2>
      <p class="panel-words">If its trigger came this moment, each rule would do this. Nothing is done by looking.</p>
      ${status.preview.length === 0 && html`<p class="none">There are no rules: nothing would be done.</p>`}
      <ul class="rows">
        ${status.preview.map(
          (row, n) => html`
            <li key=${n} class="row preview-row">
              <span class="row-main">${row.when}</span>
              <${Action} action=${row.action} target=${row.target} />
              <${Badge} result=${row.verdict} />
              <span class="row-words">${wordsNow(row, state)}</span>
              <button class="button small script-only" type="button"
                aria-label=${`Acknowledge ${row.cause}`}
                onClick=${() => commands.dispatch({ kind: "cause", cause: row.cause })}>Acknowledge…</button>
            </li>
          `,
        )}
      </ul>
    </section>
  `;
}

/** Why, and for a probe how its part is right now. */
function wordsNow({ cause, reason }: Row, { status }: AutohealState): string {
  const [kind, name = ""] = cause.split(" ");
  if (kind !== "probe" || !status?.leader) return reason;
  const probe = Object.entries(status.leader.probes).find(([key]) => key === name)?.[1];
  if (probe === undefined) return `${reason}; ${name} is not looked at here`;
  return `${reason}; ${name} is ${probe.up === null ? "not known" : probe.up ? "up" : "down"}`;
}
