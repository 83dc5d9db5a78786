import { html } from "htm/preact";
import { renderToString } from "preact-render-to-string";
import type { Address } from "../../public/ops/address.ts";
import { NO_COMMANDS } from "../../public/ops/commands.ts";
import { Page } from "../../public/ops/page.ts";
import { initialState, type OpsData } from "../../public/ops/state.ts";
import type { Theme } from "../../public/ops/theme.ts";
import type { Assets } from "./assets.ts";
import { renderDocument } from "./document.ts";

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
  readonly theme?: Theme;
  /** What the page was asked for; all of it when left out. */
  readonly address?: Address;
  /** Milliseconds since 1970. */
  readonly now: number;
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
  theme = "system",
  address = { filter: "", since: undefined },
  now,
}: OpsPageInput): string {
  const { topic, lastEventId } = snapshot;
  const events = snapshot.events.flatMap(parse);
  const data: OpsData = {
    topic,
    lastEventId,
    origin,
    events,
    outbox,
    user,
    runsServer,
    theme,
    filter: address.filter,
    since: address.since ?? null,
    now,
  };
  const body = renderToString(html`<${Page} state=${initialState(data)} commands=${NO_COMMANDS} />`);
  return renderDocument({
    title: "CRM events",
    description: DESCRIPTION,
    theme,
    withoutScripts: "Scripts are off: these are the newest events as of now. Reload for newer ones.",
    assets,
    script: assets.script,
    body,
    id: "ops",
    data,
  });
}

function parse(json: string): unknown[] {
  try {
    return [JSON.parse(json)];
  } catch {
    return [];
  }
}
