import { html } from "htm/preact";
import type { Commands } from "./commands.ts";
import { Faults, FilterBox } from "./filter-box.ts";
import type { Dialog, OpsState } from "./state.ts";
import { formatClock, formatDay } from "./time.ts";

interface ToolbarProps {
  readonly state: OpsState;
  /** Rows that the filter lets through. */
  readonly shown: number;
  readonly commands: Commands;
}

/** The filter, the tools and the heads of the columns. Stays on top while the rows scroll. */
export function Toolbar({ state, shown, commands }: ToolbarProps) {
  const { query, rows, since, zone } = state;
  return html`
    <div class="top" data-busy=${state.isSearching ? "true" : undefined}>
      <div class="toolbar">
        <${FilterBox} query=${query} rows=${state.sample} onFilter=${commands.setFilter.bind(commands)} />
        <${Tools} state=${state} commands=${commands} />
      </div>
      <${Faults} query=${query} />
      ${since !== undefined && html`<${Past} state=${state} since=${since} shown=${shown} commands=${commands} />`}
      <${Heads} utc=${zone === "utc"} count=${countWords(state, shown)} />
      ${
        state.scrolled &&
        html`<button class="newer" type="button" onClick=${() => commands.scrollUp()}>
          ↑ ${rows.heldCount === 0 ? "Newest" : `+${rows.heldCount} new`}
        </button>`
      }
    </div>
  `;
}

/** Does nothing without scripts, so the style sheet hides it then. */
function Tools({ state, commands }: Omit<ToolbarProps, "shown">) {
  const open = (dialog: Dialog) => () => commands.dispatch({ kind: "dialog", dialog });
  return html`
    <div class="tools script-only">
      <button class="button pause" type="button" aria-pressed=${state.paused ? "true" : "false"} title="Pause or resume (space)"
        onClick=${() => commands.pause(!state.paused)}>
        ${pauseLabel(state)}
      </button>
      <button class="button" type="button" title="Show an earlier time" onClick=${open({ kind: "jump" })}>Jump to…</button>
      <button class="button" type="button" title="Take all rows off" onClick=${() => commands.dispatch({ kind: "clear" })}>Clear</button>
      <button class="button" type="button" title="Save the rows as JSON lines" onClick=${() => commands.download()}>Download</button>
      ${
        state.user === null &&
        html`<button class="button primary" type="button" title="Create a job, an account or a contact" onClick=${open({ kind: "new-event" })}>+ New</button>`
      }
    </div>
  `;
}

/** Says that the page shows the past, and leads back. */
function Past({ state, since, shown, commands }: ToolbarProps & { readonly since: number }) {
  const isFull = state.connection.kind === "past";
  const words = isFull
    ? `the first ${shown} events from then on`
    : state.isSearching
      ? "reading the log"
      : "all from then on, and live";
  return html`
    <p class="past">
      <span>From <strong>${`${formatDay(since, state.zone)} ${formatClock(since, state.zone).slice(0, 8)}`}</strong>${`: ${words}`}</span>
      ${isFull && html`<button class="link-button" type="button" onClick=${() => commands.next()}>Next ${shown}</button>`}
      <button class="link-button script-only" type="button" onClick=${() => commands.jump(undefined)}>Newest events</button>
    </p>
  `;
}

function Heads({ utc, count }: { readonly utc: boolean; readonly count: string }) {
  return html`
    <div class="cells heads">
      <span class="time" aria-hidden="true">${utc ? "Time (UTC)" : "Time"}</span>
      <span class="type" aria-hidden="true">Event</span>
      <span class="about"><span aria-hidden="true">About</span> <span class="count">${count}</span></span>
      <span class="meta" aria-hidden="true">
        <span class="id">Tenant</span>
        <span class="id">Id</span>
        <span class="topic">Topic</span>
        <span class="number">Part.</span>
        <span class="number offset">Offset</span>
      </span>
    </div>
  `;
}

function countWords({ query, isSearching }: OpsState, shown: number): string {
  if (isSearching) return "searching the log…";
  const kind = query.terms.length === 0 ? "event" : "matching event";
  return `${shown} ${shown === 1 ? kind : `${kind}s`}`;
}

function pauseLabel({ paused, rows }: OpsState): string {
  if (!paused) return "Pause";
  return rows.heldCount === 0 ? "Resume" : `Resume · +${rows.heldCount} new`;
}
