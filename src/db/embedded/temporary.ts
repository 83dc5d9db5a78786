import { existsSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Names made by `temporarySibling`: who made it stands in the name, so that a later start can tell what was left over. */
const TEMPORARY = /\.new-(\d+)-[0-9a-f]{8}$/;

const REMOVE_TRIES = 10;
const REMOVE_PAUSE_MS = 20;

/** A name beside `path` under which it is built before it is renamed into place, so that nobody sees it half done. */
export function temporarySibling(path: string): string {
  return `${path}.new-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Removes from a folder what processes that are no more had under way there. Never throws. */
export async function sweepTemporary(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid === undefined || (await isUnderWay(Number(pid), join(folder, name)))) continue;
    await removeStubborn(join(folder, name));
  }
}

/**
 * An initdb whose parent was killed may still be writing; it gives up soon after its folder has begun to vanish.
 * Looked at each time, because in Bun 1.4.5 `rm` resolves though it has left a folder into which something was put.
 */
async function removeStubborn(path: string): Promise<void> {
  for (let tries = 0; tries < REMOVE_TRIES && existsSync(path); tries++) {
    if (tries > 0) await Bun.sleep(REMOVE_PAUSE_MS);
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function isUnderWay(pid: number, path: string): Promise<boolean> {
  if (pid === process.pid) {
    // In a container every start has the same process id; what is older than this process is not its own.
    const made = await stat(path).catch(() => undefined);
    return made !== undefined && made.mtimeMs >= performance.timeOrigin;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
