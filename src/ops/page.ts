import { html } from "htm/preact";
import { renderToString } from "preact-render-to-string";
import { Page } from "../../public/ops/page.ts";
import { initialState, type OpsData } from "../../public/ops/state.ts";
import type { Assets } from "./assets.ts";

/** What the page shows when it is opened. */
export interface OpsSnapshot {
  readonly topic: string;
  /** JSON of the newest events' frames, oldest first. */
  readonly events: readonly string[];
  /** Where a stream goes on without gap or repeat: the vector of next offsets. */
  readonly lastEventId: string;
}

/** How the outbox does: what `GET /api/ops/outbox` and its dead letters answer. */
export interface OpsOutbox {
  readonly report: unknown;
  readonly letters: readonly unknown[];
}

/** What the page is made of. */
export interface OpsPageInput {
  readonly snapshot: OpsSnapshot;
  /** Who is signed in; null with the development identity. */
  readonly user?: OpsData["user"];
  /** False for who may not see the outbox. */
  readonly runsServer?: boolean;
  /** Null when it could not be read. */
  readonly outbox: OpsOutbox | null;
  readonly assets: Assets;
  /** Of the page, such as `http://localhost:9010`. */
  readonly origin: string;
}

const DESCRIPTION = "Every change in the CRM, live.";

/**
 * The ops page as a whole HTML document, with the events in it: readable as it is, and what the script goes on from.
 * A frame that is not JSON is left out.
 */
export function renderOpsPage({
  snapshot,
  outbox,
  assets,
  origin,
  user = null,
  runsServer = true,
}: OpsPageInput): string {
  const { topic, lastEventId } = snapshot;
  const events = snapshot.events.flatMap(parse);
  const data: OpsData = { topic, lastEventId, origin, events, outbox, user, runsServer };
  const body = renderToString(html`<${Page} state=${initialState(data)} dispatch=${() => {}} />`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta name="description" content="${DESCRIPTION}">
<title>CRM events · AetherLink</title>
<link rel="icon" href="${assets.icon.path}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style.path}">
<script type="module" src="${assets.script.path}"></script>
</head>
<body>
<p class="no-script">Scripts are off: these are the newest events as of now. Reload for newer ones.</p>
<div id="ops">${body}</div>
<script type="application/json" id="ops-state">${dataBlock(data)}</script>
</body>
</html>
`;
}

/**
 * JSON that can stand in a script element: no `<` that could end the element or begin a comment in it
 * (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements), and no line
 * separators, which older parsers of JavaScript do not take in a string.
 */
export function dataBlock(data: unknown): string {
  return JSON.stringify(data).replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function parse(json: string): unknown[] {
  try {
    return [JSON.parse(json)];
  } catch {
    return [];
  }
}
