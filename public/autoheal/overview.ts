import { html } from "htm/preact";
import type { ErrorBudget, ProbeState } from "../../src/autoheal/heartbeat.ts";
import { formatAge, formatClock, formatDay } from "../ops/time.ts";
import { type AutohealState, beatAge } from "./state.ts";

const HEALTH = {
  healthy: { words: "Healthy", tone: "created" },
  stale: { words: "Stale", tone: "deleted" },
  never: { words: "Never led", tone: "other" },
} as const;
/** From what others need to what needs them. */
const PARTS = ["database", "broker", "topic", "relay", "stream"] as const;
/** Seconds after which a heartbeat is stale, as the alert has it. */
const STALE_S = 60;

/** How autoheal stands: its heartbeat, who leads, the parts, its rules, and what is left of the error budget. */
export function Overview({ state }: { readonly state: AutohealState }) {
  const { status, zone } = state;
  if (status === null) {
    return html`<p class="problem overview-problem" role="alert">The database does not answer, so nothing is known of autoheal, and nothing is done.</p>`;
  }
  const { leader, rules, errorBudget } = status;
  const age = beatAge(state);
  const health = age !== undefined && age > STALE_S ? "stale" : status.health;
  const { words, tone } = HEALTH[health];
  return html`
    <section class="overview autoheal-overview" aria-label="Overview">
      <div class="card">
        <h2>Autoheal</h2>
        <p class="figure" data-tone=${tone}>${words}</p>
        <p class="dim">${age === undefined ? "no heartbeat yet" : `heartbeat ${formatAge(age)} ago`}</p>
      </div>
      <div class="card">
        <h2>Leader</h2>
        <p class="figure mono">${leader?.replica ?? "none"}</p>
        <p class="dim">
          ${leader !== null && `since ${formatDay(Date.parse(leader.since), zone)} ${formatClock(Date.parse(leader.since), zone).slice(0, 8)}${zone === "utc" ? " UTC" : ""}; `}
          ${`this is ${status.replica}, ${status.state}`}
        </p>
      </div>
      <${Budget} budget=${errorBudget} />
      <div class="card">
        <h2>Rules</h2>
        <p class="figure mono">${fileName(rules.file)}</p>
        <p class="dim">
          ${rules.source === "built-in" ? "not there: those that are built in" : `read ${formatClock(Date.parse(rules.loadedAt), zone).slice(0, 8)}${zone === "utc" ? " UTC" : ""}`}
          ${rules.dryRun && html` <strong class="mark">all is a dry run</strong>`}
        </p>
        ${
          rules.faults.length > 0 &&
          html`<div class="problem" role="alert">
            <p>The file is malformed; the last good rules stay in force.</p>
            <ul>${rules.faults.map((fault) => html`<li class="mono" key=${fault}>${fault}</li>`)}</ul>
          </div>`
        }
      </div>
      <div class="card">
        <h2>Parts</h2>
        <ul class="probes">
          ${PARTS.map((name) => {
            const probe = leader?.probes[name];
            return probe !== undefined && html`<${Probe} key=${name} name=${name} probe=${probe} />`;
          })}
          ${leader === null && html`<li class="dim">not looked at yet</li>`}
        </ul>
      </div>
    </section>
  `;
}

/** Minutes that may be missed in thirty days, and how many were: by the heartbeats in the database. */
function Budget({ budget }: { readonly budget: ErrorBudget }) {
  const { remaining, missedMinutes, allowedMinutes, objective, windowDays } = budget;
  const percent = Math.round(remaining * 1_000) / 10;
  return html`
    <div class="card">
      <h2>Error budget left</h2>
      <p class="figure" data-tone=${remaining < 0 ? "deleted" : remaining < 0.25 ? "updated" : "created"}>${`${percent} %`}</p>
      <svg class="budget" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="budget-all" width="100" height="4" />
        <rect class="budget-left" width=${Math.max(0, Math.min(100, percent))} height="4" />
      </svg>
      <p class="dim">${`${missedMinutes} of ${allowedMinutes} min missed, ${objective * 100} % of ${windowDays} days`}</p>
    </div>
  `;
}

function Probe({ name, probe }: { readonly name: string; readonly probe: ProbeState }) {
  const { up, detail, downSeconds } = probe;
  const words = up === null ? "unknown" : up ? "up" : `down for ${formatAge(downSeconds)}`;
  return html`
    <li data-up=${String(up)}>
      <span class="dot" aria-hidden="true"></span>
      <strong>${name}</strong>
      <span>${words}</span>
      <span class="dim probe-detail">${detail}</span>
    </li>
  `;
}

function fileName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
