import { html } from "htm/preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Query, type Suggestion, type Suggestions, suggest } from "../../src/filter/index.ts";
import { MAX_FILTER, PAGE_PATH } from "./address.ts";
import type { EventView } from "./frame.ts";
import { seenValues } from "./seen-values.ts";

interface FilterBoxProps {
  readonly query: Query;
  /** Where suggested values come from. */
  readonly rows: readonly EventView[];
  /** @param isUnfinished the term at the cursor may become one of those suggested */
  onFilter(filter: string, isUnfinished: boolean): void;
}

const EXAMPLE = 'Filter: type:Job* status:Open "text" -word';
const NONE: Suggestions = { from: 0, to: 0, items: [] };

/**
 * The filter, with suggestions for the term at the cursor: a combobox by the ARIA practices
 * (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). Without scripts it is a form that asks the server.
 */
export function FilterBox({ query, rows, onFilter }: FilterBoxProps) {
  const input = useRef<HTMLInputElement>(null);
  const [{ from, to, items }, setSuggestions] = useState(NONE);
  const [active, setActive] = useState(-1);
  const isOpen = items.length > 0;
  const first = useRef(query.source);
  // The field is the reader's own: it is written to only when the filter was changed elsewhere, such as by a click on a value. At once:
  // after the next frame a letter more may have been typed, which would be lost.
  useLayoutEffect(() => {
    const field = input.current;
    if (field !== null && field.value !== query.source) field.value = query.source;
  }, [query.source]);

  const look = (): Suggestions => {
    const field = input.current;
    if (field === null) return NONE;
    const found = suggest(field.value, field.selectionStart ?? field.value.length, seenValues(rows));
    setSuggestions(found);
    setActive(-1);
    return found;
  };
  const typed = () => {
    const { items, from, to } = look();
    onFilter(input.current?.value ?? "", items.length > 0 && from < to);
  };
  /** What was waited for is as good as it gets. */
  const finish = () => {
    close();
    onFilter(input.current?.value ?? "", false);
  };
  const close = () => {
    setSuggestions(NONE);
    setActive(-1);
  };
  const take = ({ text }: Suggestion) => {
    const field = input.current;
    if (field === null) return;
    const rest = field.value.slice(to);
    field.value = field.value.slice(0, from) + text + (text.endsWith(" ") ? rest.trimStart() : rest);
    field.setSelectionRange(from + text.length, from + text.length);
    onFilter(field.value, text.endsWith(":"));
    field.focus();
    look();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const chosen = items[active];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) return look();
      // One place more than there are suggestions: what was typed.
      const places = items.length + 1;
      return setActive(((active + 1 + (event.key === "ArrowDown" ? 1 : places - 1)) % places) - 1);
    }
    if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      return close();
    }
    if (event.key === "Tab" && chosen === undefined) return;
    if ((event.key !== "Enter" && event.key !== "Tab") || event.shiftKey) return;
    event.preventDefault();
    if (chosen === undefined) finish();
    else take(chosen);
  };

  return html`
    <form class="filter-box" action=${PAGE_PATH} role="search">
      <input id="filter" ref=${input} class="filter mono" type="search" name="filter" maxlength=${MAX_FILTER} autocomplete="off"
        autocapitalize="off" spellcheck="false" enterkeyhint="search" aria-label="Filter events"
        placeholder=${EXAMPLE} defaultValue=${first.current}
        role="combobox" aria-expanded=${isOpen ? "true" : "false"} aria-controls="suggestions" aria-autocomplete="list"
        aria-activedescendant=${active < 0 ? undefined : `suggestion-${active}`}
        aria-invalid=${query.faults.length > 0 ? "true" : undefined} aria-describedby=${query.faults.length > 0 ? "faults" : undefined}
        onInput=${typed} onFocus=${look} onClick=${look} onBlur=${finish} onKeyDown=${onKeyDown} />
      <kbd class="filter-key script-only" aria-hidden="true">/</kbd>
      <button class="button no-script-only" type="submit">Filter</button>
      <ul id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden=${!isOpen}>
        ${items.map(
          (item, n) => html`
            <li key=${item.text} id=${`suggestion-${n}`} role="option" aria-selected=${n === active ? "true" : "false"}
              onMouseDown=${(event: MouseEvent) => {
                // Before the field loses the focus.
                event.preventDefault();
                take(item);
              }}>
              <span class="mono">${item.text}</span><span class="hint">${item.hint}</span>
            </li>`,
        )}
      </ul>
    </form>
  `;
}

/** What is wrong with the filter, with the place it is at. */
export function Faults({ query }: { readonly query: Query }) {
  if (query.faults.length === 0) return null;
  return html`
    <ul id="faults" class="faults">
      ${query.faults.map(
        ({ from, to, message }) =>
          html`<li key=${from}><code>${query.source.slice(from, to)}</code>${` at ${from + 1}: ${message}. It is left out.`}</li>`,
      )}
    </ul>
  `;
}
