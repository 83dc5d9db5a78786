import { html } from "htm/preact";
import type { Connection } from "./state.ts";

const WORDS: Readonly<Record<Connection, string>> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
};

/** How the stream stands. A screen reader hears only when this changes, never every event. */
export function Status({ connection }: { readonly connection: Connection }) {
  return html`
    <p class="status" role="status" data-connection=${connection}>
      <span class="dot" aria-hidden="true"></span>
      <span>${WORDS[connection]}</span>
    </p>
  `;
}
