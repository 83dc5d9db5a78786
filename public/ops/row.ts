import { html } from "htm/preact";
import { Component } from "preact";
import { type EventView, shortId } from "./frame.ts";
import { formatClock, formatDay, type Zone } from "./time.ts";

/** Characters of formatted JSON in a row: enough for any event of ours; a foreign value of a megabyte would stall the page. */
const MAX_JSON = 32_768;

interface RowProps {
  readonly row: EventView;
  readonly zone: Zone;
}

/** One event: a line that opens to the whole of it. */
export class EventRow extends Component<RowProps, object> {
  /** A row never changes in place, so a new event costs one insert and no look at the other rows. */
  override shouldComponentUpdate(next: RowProps): boolean {
    return next.row !== this.props.row || next.zone !== this.props.zone;
  }

  override render({ row, zone }: RowProps) {
    return html`
      <li class=${row.fresh ? "event fresh" : "event"} data-tone=${row.tone} data-key=${row.key}>
        <details>
          <summary class="cells">
            ${time(row.time, zone)}
            <span class="type"><span class="badge">${row.type}</span></span>
            <span class="about">
              <bdi class="subject" title=${row.subject}>${row.subject}</bdi>
              ${row.status === "" ? null : html`<span class="state">${row.status}</span>`}
            </span>
            <span class="meta">
              ${id("Tenant", row.tenantId)}
              ${id("Id", row.aggregateId)}
              <span class="topic mono">${row.topic}</span>
              <span class="number mono" title="Partition">${row.partition}</span>
              <span class="number mono offset" title="Offset">${row.offset}</span>
            </span>
          </summary>
          <pre class="json" tabindex="0" aria-label="Event as JSON">${formatted(row.frame)}</pre>
        </details>
      </li>
    `;
  }
}

function time(value: number | undefined, zone: Zone) {
  if (value === undefined) return html`<span class="time mono">no time</span>`;
  const iso = new Date(value).toISOString();
  return html`
    <time class="time mono" datetime=${iso} title=${iso}>
      <span class="day">${formatDay(value, zone)}</span>
      <span class="clock">${formatClock(value, zone)}</span>
    </time>
  `;
}

function id(label: string, value: string) {
  return html`<span class="id mono" title=${value && `${label} ${value}`}>${value ? shortId(value) : "–"}</span>`;
}

function formatted(frame: object): string {
  const json = JSON.stringify(frame, null, 2);
  return json.length > MAX_JSON
    ? `${json.slice(0, MAX_JSON)}\n… ${json.length - MAX_JSON} more characters are not shown`
    : json;
}
