import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedPostgresError, errorCode } from "./errors.ts";
import { isServerOf, serversOf, signalServer } from "./processes.ts";

/** The server process of a data folder, as PostgreSQL's own `postmaster.pid` tells. */
export interface Postmaster {
  readonly pid: number;
  /** TCP port on 127.0.0.1; 0 while it is not written yet. */
  readonly port: number;
  readonly state: "starting" | "ready" | "stopping";
}

/** Milliseconds that each way to stop is given, gentlest first. SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one. */
const GENTLE: readonly [NodeJS.Signals, number][] = [
  ["SIGINT", 5_000],
  ["SIGQUIT", 2_000],
  ["SIGKILL", 2_000],
];
/** The same for a server that does not answer anyway. Its log is replayed at the next start, so nothing committed is lost. */
const HARSH: readonly [NodeJS.Signals, number][] = [
  ["SIGQUIT", 1_000],
  ["SIGKILL", 2_000],
];
/** The same for processes whose postmaster was killed. */
const ORPHANS: readonly [NodeJS.Signals | undefined, number][] = [
  [undefined, 200],
  ["SIGQUIT", 1_000],
  ["SIGKILL", 2_000],
];
/** Milliseconds after which an empty `postmaster.pid` is not being written any more: a power cut left it. */
const EMPTY_MS = 2_000;
const POLL_MS = 10;

/**
 * Finds the running server of a data folder. Reads only.
 * @param data canonical path
 */
export async function findPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readPidFile(pidFile(data));
  if (text === undefined) return undefined;
  // PostgreSQL makes the file and then writes into it. Taken for stale at this moment, it was once removed from under
  // a server that had just started.
  if (text === "" && !(await isOld(pidFile(data)))) return { pid: 0, port: 0, state: "starting" };
  const lines = text.split("\n");
  // Single-user mode writes its process id negated.
  const pid = Math.abs(Number(lines[0]));
  if (pid === 0 || !(await isServerOf(pid, data))) return undefined;
  return { pid, port: Number(lines[3] ?? 0), state: stateOf(lines[7]) };
}

/**
 * Removes a `postmaster.pid` whose server died. PostgreSQL does it itself, but refuses to start where the process id in
 * it has been given to another process of the same user, or is a zombie.
 */
export async function removeStalePidFile(data: string): Promise<void> {
  const judged = await readPidFile(pidFile(data));
  if (judged === undefined || (await findPostmaster(data))) return;
  // Only what was judged, not the file of a server that has come up meanwhile.
  if ((await readPidFile(pidFile(data))) === judged) await rm(pidFile(data), { force: true });
}

/**
 * Stops the server; resolves when its process is gone, at once when it was.
 * @param manner "gentle": clients are cut off, data written; "harsh": for one that does not answer
 * @throws {EmbeddedPostgresError} when it belongs to another user, or outlives even SIGKILL
 */
export async function endPostmaster(pid: number, data: string, manner: "gentle" | "harsh" = "gentle"): Promise<void> {
  for (const [signal, patienceMs] of manner === "gentle" ? GENTLE : HARSH) {
    if (!(await isServerOf(pid, data))) return;
    signalServer(pid, signal);
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (!(await isServerOf(pid, data))) return;
      await Bun.sleep(POLL_MS);
    }
  }
  throw new EmbeddedPostgresError(`PostgreSQL (process ${pid}) in ${data} does not end: end it by hand`);
}

/**
 * Ends the processes that outlived a killed postmaster and still hold its shared memory, without which no new one
 * starts. They end by themselves as soon as they look up from their work; those that do not at once are told to.
 */
export async function endOrphans(data: string): Promise<void> {
  for (const [signal, patienceMs] of ORPHANS) {
    if (signal) for (const pid of await serversOf(data)) signalServer(pid, signal);
    const deadline = performance.now() + patienceMs;
    do {
      if ((await serversOf(data)).length === 0) return;
      await Bun.sleep(POLL_MS);
    } while (performance.now() < deadline);
  }
}

function stateOf(line: string | undefined): Postmaster["state"] {
  const state = line?.trim();
  return state === "ready" || state === "stopping" ? state : "starting";
}

function pidFile(data: string): string {
  return join(data, "postmaster.pid");
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > EMPTY_MS;
}

async function readPidFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
