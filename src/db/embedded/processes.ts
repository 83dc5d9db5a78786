import { readdir, readFile, readlink } from "node:fs/promises";
import { EmbeddedPostgresError, errorCode } from "./errors.ts";
import { run } from "./run.ts";

/**
 * True when `pid` is a process of a PostgreSQL that serves this data folder. Process ids are used again, so a living one
 * proves nothing; but every process of PostgreSQL works in its data folder.
 * @param data canonical path
 */
export async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (process.platform !== "linux") {
    const { output } = await run(["ps", "-o", "stat=,command=", "-p", String(pid)]);
    return output.includes("postgres") && output.includes(data) && !output.trim().startsWith("Z");
  }
  // A zombie has no working folder: nobody waits for a server whose parent was replaced by exec, as bun --watch does.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === data && (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() === "postgres";
}

/** Ids of all PostgreSQL processes that serve this data folder. Known on Linux only, empty elsewhere. */
export async function serversOf(data: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const found = await Promise.all(pids.map(async (pid) => ((await isServerOf(pid, data)) ? [pid] : [])));
  return found.flat();
}

/**
 * Sends a signal to a process of the server; one that has ended already is no error.
 * @throws {EmbeddedPostgresError} when it belongs to another user
 */
export function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return;
    throw new EmbeddedPostgresError(
      `the PostgreSQL that runs already (process ${pid}) belongs to another user: stop it, or set DATA_DIR to another folder`,
    );
  }
}
