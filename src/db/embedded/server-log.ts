import { copyFile, open, stat, truncate } from "node:fs/promises";

/** Bytes at which the server's log is set aside as `<path>.1`; so both together stay near twice that. */
const LOG_LIMIT_BYTES = 4 * 1024 * 1024;
/** How often that is looked at while the server runs. */
const LOG_CHECK_MS = 3_600_000;

/**
 * Sets the log aside when it has grown too long. The file stays the same one, since PostgreSQL holds it open (for
 * appending, so that it goes on at the new end); the few lines written between copying and cutting are lost.
 */
export async function shortenLog(path: string): Promise<void> {
  if ((await logSize(path)) < LOG_LIMIT_BYTES) return;
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
}

/** Shortens the log once an hour, without keeping the process alive. @returns what ends that */
export function keepLogShort(path: string): () => void {
  const timer = setInterval(() => void shortenLog(path).catch(() => {}), LOG_CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Length of the log in bytes; 0 when there is none. */
export async function logSize(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** What was logged from the byte `offset` on, at most the last 64 KiB of it. */
export async function readLogFrom(path: string, offset: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const start = Math.max(Math.min(offset, size), size - 65_536);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * The line of a PostgreSQL log (or of initdb's output) that tells best why it failed: the last error with its detail,
 * else the last line; without time and process id.
 */
export function lastComplaint(log: string): string {
  const lines = log
    .split("\n")
    .map((line) => line.replace(/^\d{4}-\S+ \S+ \S+ \[\d+\] /, "").trim())
    .filter((line) => line !== "");
  const at = lines.findLastIndex((line) => /\b(FATAL|PANIC|ERROR|error|fatal):/.test(line));
  const line = lines[at === -1 ? lines.length - 1 : at] ?? "it said nothing";
  const detail = at === -1 ? undefined : lines[at + 1];
  return detail?.startsWith("DETAIL:") ? `${line} (${detail.slice("DETAIL:".length).trim()})` : line;
}
