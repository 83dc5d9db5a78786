import { readFileSync } from "node:fs";
import { EmbeddedPostgresError } from "./errors.ts";

/** A user of the operating system that PostgreSQL runs as, because it refuses to run as root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Unprivileged users to run PostgreSQL as when we are root, best first. */
const CANDIDATES = ["aetherlink", "nobody"];

/** True when this process is root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The unprivileged user that PostgreSQL runs as when we are root.
 * @throws {EmbeddedPostgresError} when the system has neither
 */
export function unprivilegedAccount(): Account {
  const accounts = readAccounts();
  for (const name of CANDIDATES) {
    const account = accounts.find((candidate) => candidate.name === name && candidate.uid > 0);
    if (account) return account;
  }
  throw new EmbeddedPostgresError(
    "PostgreSQL refuses to run as root, and there is neither a user 'aetherlink' nor 'nobody' to run it as: " +
      "make one (useradd --system aetherlink), start as an ordinary user, or set DATABASE_URL",
  );
}

/** The user with this id; one without a name is named by its number. */
export function accountOf(uid: number, gid: number): Account {
  return readAccounts().find((account) => account.uid === uid) ?? { name: String(uid), uid, gid };
}

function readAccounts(): Account[] {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  return lines.flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
