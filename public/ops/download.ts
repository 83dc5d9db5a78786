import type { EventView } from "./frame.ts";

/** Frames as JSON lines, oldest first, as the stream sends them. */
export function toJsonLines(rows: readonly EventView[]): string {
  return rows
    .toReversed()
    .map(({ frame }) => `${JSON.stringify(frame)}\n`)
    .join("");
}

/** Saves the rows as a file. */
export function download(rows: readonly EventView[]): void {
  const url = URL.createObjectURL(new Blob([toJsonLines(rows)], { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `crm-events-${new Date().toISOString().replace(/[:.]/g, "-")}.jsonl`;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
