import { html } from "htm/preact";
import type { ActionStatus } from "../../src/autoheal/status.ts";
import { formatAge } from "../ops/time.ts";
import type { AutohealState } from "./state.ts";

/** The actions that the file allows, each with its limits and where they stand. */
export function Actions({ state }: { readonly state: AutohealState }) {
  const { status, now } = state;
  if (status === null) return null;
  return html`
    <section class="panel" aria-labelledby="actions">
      <h2 id="actions">Actions</h2>
      <p class="panel-words">What autoheal may do, and how often.</p>
      ${status.actions.length === 0 && html`<p class="none">None: nothing may be done.</p>`}
      <ul class="rows">
        ${status.actions.map((action) => html`<${ActionRow} key=${action.name} action=${action} now=${now} />`)}
      </ul>
    </section>
  `;
}

function ActionRow({ action, now }: { readonly action: ActionStatus; readonly now: number }) {
  const { name, type, dryRun, inLastHour, maxPerHour, failures, breakerOpenUntil } = action;
  return html`
    <li class="row action-row">
      <span class="row-main mono">${name}</span>
      <span class="dim">${type === name ? "" : type}</span>
      ${dryRun ? html`<span class="tone" data-tone="status"><span class="badge">dry run</span></span>` : html`<span></span>`}
      <dl class="limits">
        <div><dt>Cooldown</dt><dd>${cooldownWords(action, now)}</dd></div>
        <div><dt>In an hour</dt><dd class=${inLastHour >= maxPerHour ? "late" : undefined}>${`${inLastHour} of ${maxPerHour}`}</dd></div>
        <div>
          <dt>Breaker</dt>
          <dd class=${breakerOpenUntil === null ? undefined : "dead"}>
            ${breakerOpenUntil === null ? (failures === 0 ? "closed" : `closed, ${failures} failed in a row`) : `open for ${left(breakerOpenUntil, now)}`}
          </dd>
        </div>
      </dl>
    </li>
  `;
}

function cooldownWords({ lastStartedAt, cooldownSeconds }: ActionStatus, now: number): string {
  if (lastStartedAt === null) return `${cooldownSeconds} s, not done in a day`;
  const ready = Date.parse(lastStartedAt) + cooldownSeconds * 1_000;
  const ago = formatAge(Math.max(0, now - Date.parse(lastStartedAt)) / 1_000);
  return ready > now ? `${Math.ceil((ready - now) / 1_000)} s left, done ${ago} ago` : `over, done ${ago} ago`;
}

function left(until: string, now: number): string {
  return formatAge(Math.max(0, Date.parse(until) - now) / 1_000);
}
