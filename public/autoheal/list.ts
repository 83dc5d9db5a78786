import { html } from "htm/preact";
import type { AuditEntry } from "../../src/autoheal/audit.ts";
import { formatClock, formatDay, formatTook, type Zone } from "../ops/time.ts";
import { Action, Badge } from "./badge.ts";
import type { Commands } from "./commands.ts";
import type { DecisionView } from "./decisions.ts";
import type { AutohealState } from "./state.ts";

interface DecisionsProps {
  readonly state: AutohealState;
  readonly commands: Commands;
}

/** What was decided lately, the newest on top; each opens to all that was written about it. */
export function Decisions({ state, commands }: DecisionsProps) {
  const { decisions, zone } = state;
  return html`
    <section class="panel wide" aria-labelledby="decisions">
      <h2 id="decisions">Recent decisions</h2>
      <p class="panel-words">
        ${`Times are ${zone === "utc" ? "UTC" : "local"}. All of them: `}<a href="/autoheal/audit">the audit</a>.
      </p>
      ${decisions.length === 0 && html`<p class="none">Nothing was decided yet: all is well, or nothing was asked.</p>`}
      <ol class="rows">
        ${decisions.map((decision) => html`<${Decision} key=${decision.decisionId} decision=${decision} zone=${zone} commands=${commands} />`)}
      </ol>
    </section>
  `;
}

interface DecisionProps {
  readonly decision: DecisionView;
  readonly zone: Zone;
  readonly commands: Commands;
}

function Decision({ decision, zone, commands }: DecisionProps) {
  const { first, finished, replicas, result } = decision;
  const { at, cause, action, target, actor, reason } = first;
  const time = Date.parse(at);
  return html`
    <li class="decision">
      <details>
        <summary class="row decision-row">
          <time class="mono dim" datetime=${at}>${formatDay(time, zone)} ${formatClock(time, zone).slice(0, 8)}</time>
          <span class="row-main">${cause}</span>
          <${Action} action=${action} target=${target} />
          <${Badge} result=${result} />
          <span class="row-words">${finished?.detail ?? reason}</span>
        </summary>
        <div class="decision-detail">
          <dl class="facts">
            <div><dt>Asked by</dt><dd>${actor}</dd></div>
            <div><dt>Why</dt><dd>${reason}</dd></div>
            <div><dt>Decided by</dt><dd class="mono">${first.replica}</dd></div>
            ${finished !== undefined && html`<${Outcome} entry=${finished} />`}
            ${replicas.map((entry) => html`<div key=${entry.id}><dt class="mono">${entry.replica}</dt><dd>${`${entry.result}: ${entry.detail ?? ""}`}</dd></div>`)}
            <div><dt>Decision</dt><dd class="mono"><a href=${`/autoheal/audit?decision=${first.decisionId}`}>${first.decisionId}</a></dd></div>
          </dl>
          <pre class="json" tabindex="0" aria-label="What it was decided on">${JSON.stringify(first.input, null, 2)}</pre>
          <button class="button small script-only" type="button"
            onClick=${() => commands.dispatch({ kind: "cause", cause })}>${`Acknowledge ${cause}…`}</button>
        </div>
      </details>
    </li>
  `;
}

function Outcome({ entry }: { readonly entry: AuditEntry }) {
  const took = entry.durationMs === null ? "" : `, after ${formatTook(entry.durationMs)}`;
  return html`<div><dt>Outcome</dt><dd><bdi>${entry.detail ?? entry.result}</bdi>${took}</dd></div>`;
}
