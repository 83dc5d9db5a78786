import { html } from "htm/preact";
import { Empty } from "./empty.ts";
import { Header } from "./header.ts";
import { EventRow } from "./row.ts";
import { type OpsAction, type OpsState, visibleRows } from "./state.ts";

/** The whole page below the body, rendered by the server first and by the browser from then on. */
export function Page({ state, dispatch }: { readonly state: OpsState; dispatch(action: OpsAction): void }) {
  const rows = visibleRows(state);
  return html`
    <div class="page">
      <${Header} state=${state} shown=${rows.length} dispatch=${dispatch} />
      <main>
        <ol class="events" aria-label="Events, newest first">
          ${rows.map((row) => html`<${EventRow} key=${row.key} row=${row} zone=${state.zone} />`)}
        </ol>
        ${
          rows.length === 0 &&
          (state.rows.length === 0 ? html`<${Empty} origin=${state.origin} />` : html`<${NoMatch} />`)
        }
      </main>
    </div>
  `;
}

function NoMatch() {
  return html`<p class="no-match">No event here matches the filter.</p>`;
}
