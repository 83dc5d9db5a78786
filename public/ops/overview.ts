import { html } from "htm/preact";
import { Component } from "preact";
import { printTerm, type Term, termOf, valuesOf } from "../../src/filter/index.ts";
import { writeAddress } from "./address.ts";
import type { Commands } from "./commands.ts";
import { type EventView, shortId, toneOf } from "./frame.ts";
import { RelayStatus } from "./outbox.ts";
import { tally } from "./rates.ts";
import { Sparkline } from "./sparkline.ts";
import type { OpsState } from "./state.ts";

interface OverviewProps {
  readonly state: OpsState;
  readonly rows: readonly EventView[];
  readonly commands: Commands;
}

/** Values that are listed; the rest is a number. */
const MAX_TYPES = 7;
const MAX_TENANTS = 3;
/** Milliseconds between two looks at all rows while they keep coming. */
const LOOK_MS = 250;

/** What happened in the last minute, what of, whose, and how the relay does: one line of small cards. */
export class Overview extends Component<OverviewProps> {
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** With every tick, and for new rows at most four times a second. */
  override shouldComponentUpdate({ state, rows }: OverviewProps): boolean {
    const { state: before, rows: shown } = this.props;
    if (state.now !== before.now || state.outbox !== before.outbox || state.zone !== before.zone) return true;
    return rows !== shown && performance.now() - this.#lookedAt >= LOOK_MS;
  }

  override render({ state, rows, commands }: OverviewProps) {
    this.#lookedAt = performance.now();
    return html`
      <section class="overview" aria-label="Overview">
        <div class="card"><h2>Last minute</h2><${Sparkline} rates=${state.rates} now=${state.now} /></div>
        <div class="card">
          <h2>Types</h2>
          <${Counts} of=${tally(rows.flatMap(({ frame }) => valuesOf(frame, "type")))} max=${MAX_TYPES} key_="type" commands=${commands} />
        </div>
        <div class="card tenants">
          <h2>Tenants</h2>
          <${Counts} of=${tally(rows.flatMap(({ frame }) => valuesOf(frame, "tenant")))} max=${MAX_TENANTS} key_="tenant" commands=${commands} />
        </div>
        ${state.runsServer && html`<div class="card"><h2>Relay</h2><${RelayStatus} outbox=${state.outbox} /></div>`}
      </section>
    `;
  }
}

interface CountsProps {
  readonly of: readonly (readonly [value: string, count: number])[];
  readonly max: number;
  readonly key_: "type" | "tenant";
  readonly commands: Commands;
}

/** How many of the rows have each value; each is a link to the events that have it. */
function Counts({ of, max, key_, commands }: CountsProps) {
  if (of.length === 0) return html`<p class="dim">none yet</p>`;
  const more = of.length - max;
  return html`
    <ul class="counts">
      ${byName(of.slice(0, max)).map(
        ([value, count]) =>
          html`<${CountItem} key=${value} term=${termOf(key_, value)} value=${value} count=${count} commands=${commands} />`,
      )}
      ${more > 0 && html`<li class="dim">${`and ${more} more`}</li>`}
    </ul>
  `;
}

/** By name, so that they keep their places while the numbers change. */
function byName(counts: CountsProps["of"]): CountsProps["of"] {
  return counts.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

interface CountItemProps {
  readonly term: Term;
  readonly value: string;
  readonly count: number;
  readonly commands: Commands;
}

function CountItem({ term, value, count, commands }: CountItemProps) {
  const filter = printTerm(term);
  const onClick = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    commands.addTerm(event.altKey ? { ...term, negated: true } : term);
  };
  const isType = term.key === "type";
  return html`
    <li data-tone=${isType ? toneOf(value) : undefined}>
      <a href=${writeAddress({ filter, since: undefined })} title=${`Filter by ${filter}; with Alt: leave out`} onClick=${onClick}>
        ${isType ? html`<span class="badge">${value}</span>` : html`<span class="mono">${shortId(value)}</span>`}
        <span class="number">${count}</span>
      </a>
    </li>
  `;
}
