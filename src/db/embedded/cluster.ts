import { randomBytes } from "node:crypto";
import { chown, link, mkdir, open, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EmbeddedPostgresError, errorCode } from "./errors.ts";
import type { Placement } from "./placement.ts";
import { run } from "./run.ts";
import { programPath } from "./server-files.ts";
import { lastComplaint } from "./server-log.ts";
import { temporarySibling } from "./temporary.ts";

/** Name of the database and of its user. */
export const DATABASE = "aetherlink";

/**
 * The password of the database user, in `<dataDir>/postgres.password` (mode 600): made on first use, and made whole, so
 * that two starts at the same time read the same one.
 */
export async function readPassword(dataDir: string): Promise<string> {
  const path = join(dataDir, "postgres.password");
  const stored = await readStored(path);
  if (stored) return stored;
  const temporary = temporarySibling(path);
  await writeFile(temporary, randomBytes(16).toString("hex"), { mode: 0o600 });
  // An empty file is what a crash of the machine can leave.
  if (stored === "") await rm(path, { force: true });
  await link(temporary, path).catch((error: unknown) => {
    if (errorCode(error) !== "EEXIST") throw error;
  });
  await rm(temporary);
  return readFile(path, "utf8");
}

async function readStored(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new EmbeddedPostgresError(
      `cannot read ${path} (${errorCode(error)}): start as the user who owns it, or set DATA_DIR to another folder`,
    );
  }
}

/**
 * Makes the data folder. It is built under another name and appears whole, so that a start which was interrupted leaves
 * nothing in the way of the next. Measured: 0.6 s for initdb, 0.1 s for user and database. It is not on the disk yet, see
 * syncCluster.
 * @returns where the data is: elsewhere than asked for when another start was faster
 * @throws {EmbeddedPostgresError} with the last line of initdb
 */
export async function createCluster(placement: Placement, password: string): Promise<string> {
  const { data, account, files } = placement;
  const temporary = temporarySibling(data);
  try {
    await mkdir(temporary, { mode: 0o700 });
    if (account) await chown(temporary, account.uid, account.gid);
    const { code, output } = await run(initdbCommand(programPath(files, "initdb"), temporary), account);
    if (code !== 0) throw new EmbeddedPostgresError(`cannot make the database in ${data}: ${lastComplaint(output)}`);
    await prepareCluster({ ...placement, data: temporary }, password, ["-c", "fsync=off"]);
    return await moveIntoPlace(temporary, placement);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Forces new data to the disk. Done beside the running server: while the disk is busy, as it is after an install, these
 * thousand fsyncs take 4 s, for which the first start need not wait. A power cut before that (not a crash of ours) can
 * damage the database, which is seconds old then.
 */
export async function syncCluster({ files, data, account }: Placement): Promise<void> {
  await run([programPath(files, "initdb"), "--sync-only", "-D", data], account);
  await syncFolder(dirname(data)).catch(() => {});
}

/**
 * Sets the password and makes the database where it is missing, without a running server: needed on first start, and to
 * repair a data folder whose password file was lost.
 * @param options more command line options for PostgreSQL
 * @throws {EmbeddedPostgresError} with PostgreSQL's complaint
 */
export async function prepareCluster(
  { files, data, account }: Placement,
  password: string,
  options: readonly string[] = [],
): Promise<void> {
  // In single-user mode a statement ends with the line. Making a database that exists is an error that it goes on after.
  const statements = `alter role ${DATABASE} password '${password}'\ncreate database ${DATABASE}\n`;
  const command = [
    programPath(files, "postgres"),
    "--single",
    "-D",
    data,
    "-c",
    "log_checkpoints=off",
    ...options,
    "postgres",
  ];
  const { code, output } = await run(command, account, statements);
  if (code !== 0) throw new EmbeddedPostgresError(`cannot prepare the database in ${data}: ${lastComplaint(output)}`);
}

function initdbCommand(initdb: string, folder: string): string[] {
  // The builtin provider sorts and folds by code point on every system alike, and needs no locale to be installed.
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const auth = ["--auth-local=reject", "--auth-host=scram-sha-256"];
  return [initdb, "-D", folder, "-U", DATABASE, ...locale, ...auth, "--no-instructions", "--no-sync"];
}

async function moveIntoPlace(temporary: string, placement: Placement): Promise<string> {
  try {
    await rename(temporary, placement.data);
    if (placement.link) await symlink(placement.data, placement.link);
    return placement.data;
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    if (placement.link === undefined) return placement.data;
    await rm(placement.data, { recursive: true, force: true });
    return realpath(placement.link);
  }
}

/** Makes a rename in this folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}
