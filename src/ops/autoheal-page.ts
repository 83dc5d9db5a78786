import { html } from "htm/preact";
import { renderToString } from "preact-render-to-string";
import { NO_COMMANDS } from "../../public/autoheal/commands.ts";
import { AutohealPage } from "../../public/autoheal/page.ts";
import { type AutohealData, initialState } from "../../public/autoheal/state.ts";
import type { Assets } from "./assets.ts";
import { renderDocument } from "./document.ts";

/** The page of autoheal as a whole HTML document: readable as it is, and what the script goes on from. */
export function renderAutohealPage(data: AutohealData, assets: Assets): string {
  const body = renderToString(html`<${AutohealPage} state=${initialState(data)} commands=${NO_COMMANDS} />`);
  return renderDocument({
    title: "Autoheal",
    description: "What the service that heals this one sees, does and would do.",
    theme: data.theme,
    withoutScripts: "Scripts are off: this is how autoheal stands as of now. Reload for how it goes on.",
    assets: { icon: assets.icon, style: assets.style, more: assets.autohealStyle },
    script: assets.autohealScript,
    body,
    id: "autoheal",
    data,
  });
}
