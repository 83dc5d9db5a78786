import { html } from "htm/preact";
import type { ComponentChild } from "preact";
import { printTerm, type Term, termAt } from "../../src/filter/index.ts";
import { writeAddress } from "./address.ts";

/** Characters of formatted JSON in a row: enough for any event of ours; a foreign value of a megabyte would stall the page. */
export const MAX_JSON = 32_768;

/** Indented JSON, cut where it is too long to be shown. */
export function formatJson(value: unknown): string {
  const json = JSON.stringify(value, null, 2);
  return json.length > MAX_JSON
    ? `${json.slice(0, MAX_JSON)}\n… ${json.length - MAX_JSON} more characters are not shown`
    : json;
}

/**
 * The same JSON with its parts marked, and each value that the filter has a key for a link to the events that have it too.
 * The text is that of `formatJson`.
 */
export function JsonView({ value, onTerm }: { readonly value: object; onTerm(term: Term): void }) {
  const text = formatJson(value);
  const isCut = text.length > MAX_JSON;
  return html`
    <pre class="json" tabindex="0" aria-label="Event as JSON">${isCut ? text : node(value, [], 0, onTerm)}</pre>
  `;
}

type OnTerm = (term: Term) => void;

function node(value: unknown, path: readonly string[], depth: number, onTerm: OnTerm): ComponentChild {
  if (typeof value !== "object" || value === null) return leaf(value, path, onTerm);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return open + close;
  const indent = "  ".repeat(depth);
  return [
    `${open}\n`,
    entries.map(([name, child], n) => [
      `${indent}  `,
      isList ? null : html`<span class="json-key">${JSON.stringify(name)}</span>`,
      isList ? null : ": ",
      // The members of a list are found by the name of the list.
      node(child, isList ? path : [...path, name], depth + 1, onTerm),
      n === entries.length - 1 ? "\n" : ",\n",
    ]),
    `${indent}${close}`,
  ];
}

function leaf(value: unknown, path: readonly string[], onTerm: OnTerm): ComponentChild {
  const text = JSON.stringify(value);
  const kind = `json-${value === null ? "null" : typeof value}`;
  const term = termAt(path, String(value));
  if (term === undefined || text.length > 200) return html`<span class=${kind}>${text}</span>`;
  const onClick = (event: MouseEvent) => {
    // With a key that opens it elsewhere it is the link that it looks like.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onTerm(event.altKey ? { ...term, negated: true } : term);
  };
  const filter = printTerm(term);
  return html`<a class=${kind} href=${writeAddress({ filter, since: undefined })} title=${`Filter by ${filter}; with Alt: leave out`} onClick=${onClick}>${text}</a>`;
}
