import { html } from "htm/preact";
import { toneOf, wordsOf } from "./decisions.ts";

/** A result, told by its words, a sign and a colour. */
export function Badge({ result }: { readonly result: string }) {
  return html`<span class="tone" data-tone=${toneOf(result)}><span class="badge">${wordsOf(result)}</span></span>`;
}

/** An action with what it is done to. */
export function Action({ action, target }: { readonly action: string | null; readonly target: string }) {
  if (action === null) return html`<span class="dim">nothing</span>`;
  return html`<span class="mono">${target === "" ? action : `${action} ${target}`}</span>`;
}
