import { html } from "htm/preact";
import { Component, type VNode } from "preact";
import { readKey, termOf, valuesOf } from "../../src/filter/index.ts";
import type { Commands } from "./commands.ts";
import type { EventView } from "./frame.ts";
import { EventRow, type RowContext } from "./row.ts";
import { FAST } from "./rows.ts";
import type { OpsState } from "./state.ts";

interface ListProps {
  readonly rows: readonly EventView[];
  readonly state: OpsState;
  readonly commands: Commands;
}

/** Pixels that a row is high at least. */
const ROW_PX = 37;
/** Rows drawn in addition with each frame in which few come: 500 at once would take the time of many frames. */
const STEP = 40;

/** The rows. What is drawn of a row is kept as long as the row: the renderer passes over what it is given a second time. */
export class EventList extends Component<ListProps> {
  /** Of the rows in the document alone: what is drawn of a row keeps its elements. */
  #drawn = new Map<EventView, VNode>();
  #context: RowContext | undefined;

  /** Rows that are drawn: all of them, unless they come fast. */
  #drawnRows = Number.POSITIVE_INFINITY;
  #isFast = false;
  #frame: number | undefined;

  override shouldComponentUpdate(next: ListProps): boolean {
    if (next.rows !== this.props.rows) this.#drawnRows = this.#howMany(next);
    return next.rows !== this.props.rows || next.state.zone !== this.props.state.zone;
  }

  override componentDidUpdate(): void {
    if (this.#drawnRows >= this.props.rows.length || this.#frame !== undefined) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      if (!this.#isFast) this.#drawnRows += STEP;
      this.#isFast = false;
      this.forceUpdate();
    });
  }

  override render({ rows, state, commands }: ListProps) {
    const context = this.#contextOf(state, commands);
    const drawn = rows.length > this.#drawnRows ? rows.slice(0, this.#drawnRows) : rows;
    this.#drawn = new Map(drawn.map((row) => [row, this.#draw(row, context, state.now)]));
    return html`
      <ol class="events" aria-label="Events, newest first" onClick=${this.#onClick}>
        ${[...this.#drawn.values()]}
      </ol>
    `;
  }

  /** A reader at the newest rows is shown those, at the pace of the screen; the others follow as soon as it is calm. */
  #howMany({ rows }: ListProps): number {
    const [before] = this.props.rows;
    const added = before === undefined ? rows.length : rows.indexOf(before);
    this.#isFast = added < 0 || added > FAST;
    return this.#isFast ? Math.ceil(window.innerHeight / ROW_PX) : this.#drawnRows;
  }

  #draw(row: EventView, context: RowContext, now: number): VNode {
    return (
      this.#drawn.get(row) ?? (html`<${EventRow} key=${row.key} row=${row} context=${context} now=${now} />` as VNode)
    );
  }

  #contextOf({ zone }: OpsState, commands: Commands): RowContext {
    if (this.#context?.zone === zone) return this.#context;
    this.#drawn = new Map();
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
