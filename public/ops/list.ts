import { html } from "htm/preact";
import { Component, type VNode } from "preact";
import { readKey, termOf, valuesOf } from "../../src/filter/index.ts";
import type { Commands } from "./commands.ts";
import type { EventView } from "./frame.ts";
import { EventRow, type RowContext } from "./row.ts";
import type { OpsState } from "./state.ts";

interface ListProps {
  readonly rows: readonly EventView[];
  readonly state: OpsState;
  readonly commands: Commands;
}

/** The rows. What is drawn of a row is kept as long as the row: the renderer passes over what it is given a second time. */
export class EventList extends Component<ListProps> {
  #drawn = new WeakMap<EventView, VNode>();
  #context: RowContext | undefined;

  override shouldComponentUpdate(next: ListProps): boolean {
    return next.rows !== this.props.rows || next.state.zone !== this.props.state.zone;
  }

  override render({ rows, state, commands }: ListProps) {
    const context = this.#contextOf(state, commands);
    return html`
      <ol class="events" aria-label="Events, newest first" onClick=${this.#onClick}>
        ${rows.map((row) => this.#draw(row, context, state.now))}
      </ol>
    `;
  }

  #draw(row: EventView, context: RowContext, now: number): VNode {
    const known = this.#drawn.get(row);
    if (known !== undefined) return known;
    const drawn = html`<${EventRow} key=${row.key} row=${row} context=${context} now=${now} />` as VNode;
    this.#drawn.set(row, drawn);
    return drawn;
  }

  #contextOf({ zone }: OpsState, commands: Commands): RowContext {
    if (this.#context?.zone === zone) return this.#context;
    this.#drawn = new WeakMap();
    this.#context = { zone, commands, skewOf: () => this.props.state.skew };
    return this.#context;
  }

  /** A click on a value of a row filters by it; the same can be had by the keyboard in the open row. */
  readonly #onClick = (event: MouseEvent) => {
    const { target } = event;
    const cell = target instanceof Element ? target.closest<HTMLElement>("summary [data-filter]") : null;
    const at = cell?.closest<HTMLElement>(".event")?.dataset.key;
    const row = this.props.rows.find(({ key }) => key === at);
    const key = readKey(cell?.dataset.filter ?? "");
    if (row === undefined || key === undefined || event.detail === 0) return;
    event.preventDefault();
    const [value] = valuesOf(row.frame, key);
    if (value !== undefined) this.props.commands.addTerm(termOf(key, value, event.altKey));
  };
}
