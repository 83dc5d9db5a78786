import { chmod, chown, mkdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Account } from "./account.ts";
import { EmbeddedPostgresError, errorCode } from "./errors.ts";
import { run } from "./run.ts";
import { programPath } from "./server-files.ts";
import { temporarySibling } from "./temporary.ts";

/** Where root puts what must be reachable by the user that PostgreSQL runs as. */
const SYSTEM_FOLDER = "/var/lib/aetherlink";

/** Undefined when the account can run the server files, else what the attempt said. */
export async function whyNotRunnable(root: string, account: Account): Promise<string | undefined> {
  const { code, output } = await run([programPath(root, "postgres"), "--version"], account);
  return code === 0 ? undefined : output.trim().replaceAll("\n", "; ");
}

/** True when the account can go into the folder, that is through all those above it too. */
export async function canEnter(folder: string, account: Account): Promise<boolean> {
  return (await run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], account)).code === 0;
}

/**
 * True when the account can have a folder of its own in `parent`. It is tried, because neither permission bits nor the
 * kind of a file system (one shared with a host, say) tell reliably.
 */
export async function canKeepData(parent: string, account: Account): Promise<boolean> {
  const probe = temporarySibling(join(parent, "probe"));
  try {
    await mkdir(probe, { mode: 0o700 });
    await chown(probe, account.uid, account.gid);
    return (await run(["/bin/sh", "-c", 'cd -- "$1" && : > file', "sh", probe], account)).code === 0;
  } catch {
    return false;
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/**
 * A folder of root's in which the account can have its own.
 * @throws {EmbeddedPostgresError} when there is none
 */
export async function systemFolder(account: Account): Promise<string> {
  for (const folder of [SYSTEM_FOLDER, join(tmpdir(), "aetherlink")]) {
    const isMade = await makeFolder(folder, 0o755).then(
      () => true,
      () => false,
    );
    // Below /tmp anyone may have made it; programs out of somebody else's folder are not run.
    if (isMade && (await stat(folder)).uid === 0 && (await canKeepData(folder, account))) return folder;
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL has to run as user '${account.name}', and neither ${SYSTEM_FOLDER} nor ${tmpdir()} can be used for it: ` +
      "start as an ordinary user, or set DATABASE_URL",
  );
}

/**
 * Makes a folder and those above it, where they are missing.
 * @param mode of a folder that is made, whatever the umask is; default by umask
 * @throws {EmbeddedPostgresError} when it cannot be made
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true });
    if (made !== undefined && mode !== undefined) await chmod(path, mode);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `cannot make the folder ${path} (${errorCode(error)}): make it writable, or set DATA_DIR to another folder`,
    );
  }
}
