import { html } from "htm/preact";
import { Outbox } from "./outbox.ts";
import { TopBar } from "./shell.ts";
import type { OpsAction, OpsState } from "./state.ts";
import { Status } from "./status.ts";

interface HeaderProps {
  readonly state: OpsState;
  /** Rows that the filter lets through. */
  readonly shown: number;
  readonly dispatch: (action: OpsAction) => void;
}

/** Name, pages, topic, status, count and tools, and the heads of the columns. Stays on top while the rows scroll. */
export function Header({ state, shown, dispatch }: HeaderProps) {
  const { user, theme, runsServer } = state;
  return html`
    <div class="top">
      <${TopBar} page="/ops/crm-events" user=${user} theme=${theme} runsServer=${runsServer}>
        <h1 class="hidden">CRM events</h1>
        <span class="chip mono" title="Topic">${state.topic}</span>
        <${Status} connection=${state.connection} />
        <span class="count">${count(state, shown)}</span>
        <${Tools} state=${state} dispatch=${dispatch} />
      <//>
      ${state.runsServer && html`<${Outbox} outbox=${state.outbox} />`}
      <${Heads} utc=${state.zone === "utc"} />
    </div>
  `;
}

/** Does nothing without scripts, so the style sheet hides it then. */
function Tools({ state, dispatch }: Omit<HeaderProps, "shown">) {
  const onInput = ({ currentTarget }: { currentTarget: HTMLInputElement }) =>
    dispatch({ kind: "filter", filter: currentTarget.value });
  const onClick = () => dispatch({ kind: "pause", paused: !state.paused });
  return html`
    <div class="tools">
      <input class="filter" type="search" placeholder="Filter" aria-label="Filter events" autocomplete="off"
        spellcheck="false" value=${state.filter} onInput=${onInput} />
      <button class="button pause" type="button" data-paused=${String(state.paused)} onClick=${onClick}>
        ${pauseLabel(state)}
      </button>
    </div>
  `;
}

function Heads({ utc }: { readonly utc: boolean }) {
  return html`
    <div class="cells heads" aria-hidden="true">
      <span class="time">${utc ? "Time (UTC)" : "Time"}</span>
      <span class="type">Event</span>
      <span class="about">About</span>
      <span class="meta">
        <span class="id">Tenant</span>
        <span class="id">Id</span>
        <span class="topic">Topic</span>
        <span class="number">Part.</span>
        <span class="number offset">Offset</span>
      </span>
    </div>
  `;
}

function count(state: OpsState, shown: number): string {
  const all = state.rows.length;
  if (state.filter.trim() !== "") return `${shown} of ${all}`;
  return all === 1 ? "1 event" : `${all} events`;
}

function pauseLabel({ paused, held }: OpsState): string {
  if (!paused) return "Pause";
  return held.length === 0 ? "Resume" : `Resume · ${held.length} new`;
}
