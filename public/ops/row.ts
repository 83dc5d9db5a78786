import { html } from "htm/preact";
import { Component, createRef } from "preact";
import type { Commands } from "./commands.ts";
import { Detail } from "./detail.ts";
import { type EventView, shortId } from "./frame.ts";
import { formatJson } from "./json-view.ts";
import type { Skew } from "./skew.ts";
import { formatAgo, formatClock, formatDay, type Zone } from "./time.ts";

/** What all rows share. The same object for as long as no row has to be drawn anew. */
export interface RowContext {
  readonly zone: Zone;
  readonly commands: Commands;
  /** How far the reader's clock is off by now. */
  skewOf(): Skew | undefined;
}

interface RowProps {
  readonly row: EventView;
  readonly context: RowContext;
  /** By the server's clock, as the row is drawn first; from then on its age is written by `tickAges`. */
  readonly now: number;
}

/** One event: a line that opens to the whole of it. */
export class EventRow extends Component<RowProps, { readonly isOpen: boolean }> {
  override state = { isOpen: false };
  readonly #details = createRef<HTMLDetailsElement>();
  readonly #onToggle = () => this.setState({ isOpen: this.#details.current?.open === true });

  /** It may have been opened before the script came. */
  override componentDidMount(): void {
    if (this.#details.current?.open === true) this.setState({ isOpen: true });
  }

  /** A row never changes in place, so a new event costs one insert and no look at the other rows. */
  override shouldComponentUpdate(next: RowProps, state: { readonly isOpen: boolean }): boolean {
    return next.row !== this.props.row || next.context !== this.props.context || state.isOpen !== this.state.isOpen;
  }

  override render({ row, context, now }: RowProps) {
    return html`
      <li class=${row.fresh ? "event fresh" : "event"} data-tone=${row.tone} data-key=${row.key}>
        <details ref=${this.#details} onToggle=${this.#onToggle}>
          <summary class="cells">
            ${time(row.time, context.zone, now)}
            <span class="type"><span class="badge" data-filter="type">${row.type}</span></span>
            <span class="about">
              <bdi class="subject" title=${row.subject}>${row.subject}</bdi>
              ${row.status === "" ? null : html`<span class="state" data-filter="status">${row.status}</span>`}
            </span>
            <span class="meta">
              ${id("Tenant", row.tenantId, "tenant")}
              ${id("Id", row.aggregateId, "aggregate")}
              <span class="topic mono">${row.topic}</span>
              <span class="number mono" title="Partition">${row.partition}</span>
              <span class="number mono offset" title="Offset">${row.offset}</span>
            </span>
          </summary>
          ${this.#body(row, context)}
        </details>
      </li>
    `;
  }

  /**
   * Without scripts every row has its JSON, for it could not come later. With them a closed row has none: what is in a `noscript`
   * is only read over then, and goes as the script takes over.
   */
  #body(row: EventView, context: RowContext) {
    if (typeof document === "undefined")
      return html`<noscript><pre class="json" tabindex="0" aria-label="Event as JSON">${formatJson(row.frame)}</pre></noscript>`;
    return this.state.isOpen ? html`<${Detail} row=${row} context=${context} />` : null;
  }
}

function time(value: number | undefined, zone: Zone, now: number) {
  if (value === undefined) return html`<span class="time mono">no time</span>`;
  const iso = new Date(value).toISOString();
  return html`
    <time class="time mono" datetime=${iso} title=${iso}>
      <span class="day">${formatDay(value, zone)}</span>
      <span class="clock">${formatClock(value, zone)}</span>
      <span class="ago" data-at=${value} aria-hidden="true">${formatAgo(now - value)}</span>
    </time>
  `;
}

function id(label: string, value: string, key: string) {
  if (value === "") return html`<span class="id mono">–</span>`;
  return html`<span class="id mono" title=${`${label} ${value}`} data-filter=${key}>${shortId(value)}</span>`;
}
