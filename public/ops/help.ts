import { html } from "htm/preact";
import { KEYS } from "../../src/filter/index.ts";
import type { Commands } from "./commands.ts";
import { Modal } from "./dialog.ts";
import { KEYS_HELP } from "./keys.ts";

interface HelpProps {
  readonly shortcuts: boolean;
  readonly commands: Commands;
  onClose(): void;
}

const FILTERS = [
  ["type:Job*", "a star stands for any text"],
  ["status:Open status:Done", "of several values for one key one is enough"],
  ['"leaking roof"', "a text anywhere in the event"],
  ["-type:Account* -test", "a minus turns any term around"],
  ["data.priority:high", "any field of the event's data"],
  ["header.traceparent:00-*", "any header"],
] as const;

/** What the keys do and how to filter. */
export function Help({ shortcuts, commands, onClose }: HelpProps) {
  return html`
    <${Modal} title="Help" onClose=${onClose}>
      <div class="help">
        <section>
          <h3>Keyboard</h3>
          <dl class="keys">
            ${KEYS_HELP.map(([keys, what]) => html`<div><dt>${keys.split("  ").map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${what}</dd></div>`)}
          </dl>
          <label class="check">
            <input type="checkbox" checked=${shortcuts} onChange=${() => commands.setShortcuts(!shortcuts)} />
            Shortcuts of a single key
          </label>
        </section>
        <section>
          <h3>Filter</h3>
          <dl class="filters">
            ${FILTERS.map(([filter, what]) => html`<div><dt><code>${filter}</code></dt><dd>${what}</dd></div>`)}
          </dl>
          <p class="dim">Keys: ${Object.keys(KEYS).join(", ")}. A click on a value filters by it, with Alt it leaves it out.</p>
        </section>
      </div>
    <//>
  `;
}
