import { html } from "htm/preact";
import { PAGE_PATH } from "./address.ts";
import type { Commands } from "./commands.ts";
import { Decide } from "./decide.ts";
import { Empty } from "./empty.ts";
import { Help } from "./help.ts";
import { Jump } from "./jump.ts";
import { EventList } from "./list.ts";
import { NewEvent } from "./new-event.ts";
import { DeadLetters } from "./outbox.ts";
import { Overview } from "./overview.ts";
import { TopBar } from "./shell.ts";
import { type OpsState, visibleRows } from "./state.ts";
import { Status } from "./status.ts";
import { Toolbar } from "./toolbar.ts";

interface PageProps {
  readonly state: OpsState;
  readonly commands: Commands;
}

/** The tenant of the curl line in the README. */
const EXAMPLE_TENANT = "12345678-1234-1234-1234-123456789012";

/** The whole page below the body, rendered by the server first and by the browser from then on. */
export function Page({ state, commands }: PageProps) {
  const { user, theme, runsServer, topic, connection, outbox } = state;
  const rows = visibleRows(state);
  return html`
    <div class="page">
      <${TopBar} page=${PAGE_PATH} user=${user} theme=${theme} runsServer=${runsServer}>
        <h1 class="hidden">CRM events</h1>
        <span class="chip mono" title="Topic">${topic}</span>
        <span class="grow"></span>
        <${Status} connection=${connection} onRetry=${() => commands.retry()} />
        <button class="icon-button script-only" type="button" aria-label="Help" title="Help (?)"
          onClick=${() => commands.dispatch({ kind: "dialog", dialog: { kind: "help" } })}>?</button>
      <//>
      <main>
        <${Overview} state=${state} rows=${rows} commands=${commands} />
        ${runsServer && html`<${DeadLetters} outbox=${outbox} commands=${commands} />`}
        <${Toolbar} state=${state} shown=${rows.length} commands=${commands} />
        <${EventList} rows=${rows} state=${state} commands=${commands} />
        ${rows.length === 0 && html`<${NoRows} state=${state} />`}
      </main>
      <p class="hidden" role="status" aria-live="polite">${state.announcement || null}</p>
      <${Dialogs} state=${state} commands=${commands} />
    </div>
  `;
}

function NoRows({ state }: { readonly state: OpsState }) {
  if (state.isSearching) return html`<p class="no-match">Searching the log…</p>`;
  if (state.query.terms.length > 0)
    return html`<p class="no-match">No event matches the filter. What comes and does is shown at once.</p>`;
  if (state.since !== undefined)
    return html`<p class="no-match">Nothing was published since then. What comes is shown at once.</p>`;
  if (Object.keys(state.rows.next).length > 0)
    return html`<p class="no-match">Cleared. What comes is shown at once; reload for what was.</p>`;
  return html`<${Empty} origin=${state.origin} />`;
}

function Dialogs({ state, commands }: PageProps) {
  const { dialog } = state;
  const onClose = () => commands.dispatch({ kind: "dialog", dialog: undefined });
  switch (dialog?.kind) {
    case "help":
      return html`<${Help} shortcuts=${state.shortcuts} commands=${commands} onClose=${onClose} />`;
    case "jump":
      return html`<${Jump} now=${state.now} commands=${commands} onClose=${onClose} />`;
    case "new-event":
      return html`<${NewEvent} tenantId=${state.rows.shown[0]?.tenantId || EXAMPLE_TENANT} commands=${commands} onClose=${onClose} />`;
    case "decide":
      return html`<${Decide} ...${dialog} commands=${commands} onClose=${onClose} />`;
    default:
      return null;
  }
}
