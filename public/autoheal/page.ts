import { html } from "htm/preact";
import { TopBar } from "../ops/shell.ts";
import { Status } from "../ops/status.ts";
import { Acks } from "./acks.ts";
import { Actions } from "./actions.ts";
import type { Commands } from "./commands.ts";
import { Decisions } from "./list.ts";
import { Overview } from "./overview.ts";
import { Preview } from "./preview.ts";
import type { AutohealState } from "./state.ts";

/** Where the page is. */
export const AUTOHEAL_PATH = "/ops/autoheal";

interface PageProps {
  readonly state: AutohealState;
  readonly commands: Commands;
}

/** The whole page below the body, rendered by the server first and by the browser from then on. */
export function AutohealPage({ state, commands }: PageProps) {
  const { user, theme, connection, status, announcement } = state;
  return html`
    <div class="page">
      <${TopBar} page=${AUTOHEAL_PATH} user=${user} theme=${theme} runsServer=${true}>
        <h1 class="hidden">Autoheal</h1>
        <span class="grow"></span>
        <${Status} connection=${connection} onRetry=${() => commands.retry()} />
      <//>
      <${Overview} state=${state} />
      <main class="panels">
        ${status !== null && html`<${Preview} state=${state} commands=${commands} />`}
        ${status !== null && html`<${Actions} state=${state} />`}
        <${Decisions} state=${state} commands=${commands} />
        <${Acks} state=${state} commands=${commands} />
      </main>
      <p class="hidden" role="status" aria-live="polite">${announcement || null}</p>
    </div>
  `;
}
