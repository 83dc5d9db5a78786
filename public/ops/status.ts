import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import type { Connection } from "./connection.ts";
import { formatAge } from "./time.ts";

const WORDS: Readonly<Record<Connection["kind"], string>> = {
  connecting: "Connecting",
  live: "Live",
  stale: "Stale",
  reconnecting: "Reconnecting",
  past: "Stopped in the past",
};

interface StatusProps {
  readonly connection: Connection;
  onRetry(): void;
}

/**
 * How the stream stands. A screen reader hears when this changes, never every event nor the count-down beside it; with some
 * patience, for most streams that end are back at once.
 */
export function Status({ connection, onRetry }: StatusProps) {
  const { kind } = connection;
  return html`
    <div class="status" data-connection=${kind}>
      <span class="dot" aria-hidden="true"></span>
      <span role="status" data-connection=${kind}>${WORDS[kind]}</span>
      <${Count} connection=${connection} />
      ${
        kind === "reconnecting" &&
        connection.at !== undefined &&
        html`<button class="link-button" type="button" onClick=${onRetry}>Now</button>`
      }
    </div>
  `;
}

/** Seconds to the next try, or since the last sign of life; counts by itself. */
function Count({ connection }: { readonly connection: Connection }) {
  const text = countWords(connection);
  const [, again] = useState(0);
  const isCounting = text !== "";
  useEffect(() => {
    if (!isCounting) return;
    const timer = setInterval(() => again((n) => n + 1), 250);
    return () => clearInterval(timer);
  }, [isCounting]);
  return isCounting && html`<span class="status-count" aria-hidden="true">${text}</span>`;
}

function countWords(connection: Connection): string {
  if (connection.kind === "stale") return `nothing for ${formatAge((Date.now() - connection.since) / 1_000)}`;
  if (connection.kind !== "reconnecting" || connection.at === undefined) return "";
  return `in ${Math.max(1, Math.ceil((connection.at - Date.now()) / 1_000))} s`;
}
