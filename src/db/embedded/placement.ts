import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, lstat, readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Account, accountOf, isRoot, unprivilegedAccount } from "./account.ts";
import { EmbeddedPostgresError } from "./errors.ts";
import { canEnter, canKeepData, makeFolder, systemFolder, whyNotRunnable } from "./reach.ts";
import { completeLinks, copyServerFiles, type ServerFiles } from "./server-files.ts";
import { sweepTemporary } from "./temporary.ts";

/** Where PostgreSQL's programs and data are, and who runs it. */
export interface Placement {
  /** Folder that holds `native/bin`. */
  readonly files: string;
  /** The data folder, without symbolic links in its path. */
  readonly data: string;
  /** False when the data has to be made by this start. */
  readonly exists: boolean;
  /** `<dataDir>/postgres` where that is, or has to become, a symbolic link to `data`; undefined when it is `data` itself. */
  readonly link?: string;
  /** The user to run as; undefined: our own. */
  readonly account?: Account;
}

/**
 * Decides where the programs and the data are, making folders and a copy of the programs where that is needed.
 * In place wherever possible. As root the programs and the data must be reachable by an unprivileged user, which they
 * are not in a checkout below /root: then they are kept in /var/lib/aetherlink, or in the folder for temporary files.
 * @param dataDir absolute
 * @param warn told when the data has to be made anew, because the folder that held it is gone
 * @throws {EmbeddedPostgresError} when there is no place
 */
export async function place(dataDir: string, found: ServerFiles, warn: (message: string) => void): Promise<Placement> {
  await makeFolder(dataDir);
  await sweepTemporary(dataDir);
  const link = join(dataDir, "postgres");
  const existing = await existingData(link, warn);
  const known = { exists: existing !== undefined, ...((await isSymlink(link)) && { link }) };
  const data = existing ?? join(await realpath(dataDir), "postgres");
  if (!isRoot()) {
    const files = (await completeLinks(found.root)) ? found.root : await copyServerFiles(found, dataDir);
    return { ...known, files, data };
  }
  const account = existing === undefined ? unprivilegedAccount() : await ownerOf(existing);
  const files = await filesFor(account, found);
  if (existing === undefined && !(await canKeepData(dataDir, account))) {
    return { exists: false, files, account, link, data: await relocated(dataDir, account) };
  }
  if (existing !== undefined && !(await canEnter(existing, account))) {
    throw new EmbeddedPostgresError(
      `PostgreSQL runs as user '${account.name}', who cannot reach its data in ${existing}: ` +
        "make the folders above it accessible, or set DATA_DIR or DATABASE_URL",
    );
  }
  return { ...known, files, data, account };
}

/** The data folder of an earlier start, or undefined when there is none yet. */
async function existingData(link: string, warn: (message: string) => void): Promise<string | undefined> {
  if (!existsSync(link)) {
    if (!(await isSymlink(link))) return undefined;
    warn(`${link} leads to a folder that is gone, so the data is made anew`);
    await rm(link);
    return undefined;
  }
  const data = await realpath(link);
  if (existsSync(join(data, "PG_VERSION"))) return data;
  // An ordinary user cannot look into the folder that root's PostgreSQL uses, and sees no PG_VERSION there.
  const entries = await readdir(data).catch(() => {
    throw new EmbeddedPostgresError(
      `${data} belongs to another user: start as that one (or as root), or set DATA_DIR to another folder`,
    );
  });
  if (entries.length === 0) return undefined;
  throw new EmbeddedPostgresError(`${data} holds something else than PostgreSQL data: move it away, or set DATA_DIR`);
}

/** Data of an ordinary user stays that user's when root starts the server; data of root itself is handed over. */
async function ownerOf(data: string): Promise<Account> {
  const { uid, gid } = await stat(data);
  if (uid !== 0) return accountOf(uid, gid);
  const account = unprivilegedAccount();
  for (const entry of await readdir(data, { recursive: true }))
    await chown(join(data, entry), account.uid, account.gid);
  await chown(data, account.uid, account.gid);
  return account;
}

/** The server files in place if the account can run them there, else a copy. */
async function filesFor(account: Account, found: ServerFiles): Promise<string> {
  if ((await completeLinks(found.root)) && (await whyNotRunnable(found.root, account)) === undefined) return found.root;
  const folder = await systemFolder(account);
  await sweepTemporary(folder);
  const copy = await copyServerFiles(found, folder);
  const why = await whyNotRunnable(copy, account);
  if (why === undefined) return copy;
  throw new EmbeddedPostgresError(`PostgreSQL does not run on this machine, set DATABASE_URL: ${why}`);
}

/** A path for new data that the account can reach, named for the checkout. */
async function relocated(dataDir: string, account: Account): Promise<string> {
  const folder = join(await systemFolder(account), "data");
  await makeFolder(folder, 0o755);
  await sweepTemporary(folder);
  const checkout = basename(dirname(dataDir)).replaceAll(/[^A-Za-z0-9._-]+/g, "-") || "aetherlink";
  return join(await realpath(folder), `${checkout}-${randomBytes(4).toString("hex")}`);
}

async function isSymlink(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isSymbolicLink() === true;
}
