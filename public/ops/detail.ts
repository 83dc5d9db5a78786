import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { copyText } from "./copy.ts";
import type { EventView } from "./frame.ts";
import { Journey } from "./journey.ts";
import { JsonView } from "./json-view.ts";
import type { RowContext } from "./row.ts";

/** The whole of an event: its way here, and its JSON to read, copy and filter by. */
export function Detail({ row, context }: { readonly row: EventView; readonly context: RowContext }) {
  const { zone, commands, skewOf } = context;
  return html`
    <div class="detail">
      <${Journey} row=${row} zone=${zone} skew=${skewOf()} />
      <div class="json-frame">
        <${CopyButton} frame=${row.frame} onCopied=${(text: string) => commands.dispatch({ kind: "announce", text })} />
        <${JsonView} value=${row.frame} onTerm=${commands.addTerm.bind(commands)} />
      </div>
    </div>
  `;
}

function CopyButton({ frame, onCopied }: { readonly frame: object; onCopied(text: string): void }) {
  const [said, say] = useState("Copy");
  const onClick = async () => {
    const isCopied = await copyText(JSON.stringify(frame, null, 2));
    say(isCopied ? "Copied" : "Could not copy");
    onCopied(isCopied ? "Copied" : "Could not copy");
  };
  return html`<button class="button small copy" type="button" aria-label=${`${said === "Copy" ? "Copy JSON" : said}`} onClick=${onClick}>${said}</button>`;
}
