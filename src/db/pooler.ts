import { within } from "../deadline.ts";
import type { Logger } from "../metrics/logger.ts";
import { createPool, DatabaseError, probe, type Sql } from "./pool.ts";

/** What stands between us and the database, as far as it changes what a connection is. */
export interface Pooling {
  /** A connection is another server session in its next transaction, as with PgBouncer's `pool_mode=transaction`. */
  readonly sharesSessions: boolean;
  /** A statement that was prepared by name is still known in the next transaction. */
  readonly keepsStatements: boolean;
}

/** No pooler, or one that gives each client a session of its own. */
export const DIRECT: Pooling = { sharesSessions: false, keepsStatements: true };

/** Milliseconds that a statement may wait for a server session: with a pool of one it would wait for ourselves. */
const WAIT_MS = 2_000;

/**
 * Finds out what a URL leads to. Nobody tells: so one client asks which server process serves it, a second one begins a
 * transaction, and when the same process serves that, the two share it. What the first had prepared is asked for again while
 * the process is taken: PgBouncer keeps track of it from 1.21 on (`max_prepared_statements`), and before does not.
 * @throws {DatabaseError} when the database does not answer or is too old
 */
export async function findPooling(url: string, log: Logger): Promise<Pooling> {
  const sql = createPool(url, 2, log);
  try {
    await probe(sql);
    return await compare(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

async function compare(sql: Sql): Promise<Pooling> {
  const [first, second] = [await sql.reserve(), await sql.reserve()];
  const served = (session: typeof first) => session<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const before = (await served(first))[0]?.pid;
  await second.unsafe("begin");
  const isShared = (await second.unsafe<{ pid: number }[]>("select pg_backend_pid() as pid"))[0]?.pid === before;
  if (!isShared) return DIRECT;
  // Within a transaction, for outside of one postgres.js hides that the name is unknown: it prepares the statement again.
  const again = first
    .unsafe("begin")
    .then(() => served(first))
    .then(
      () => true,
      () => false,
    );
  return { sharesSessions: true, keepsStatements: (await within(WAIT_MS, again)) === true };
}

/** Refuses to share sessions where there is no other way to one. @throws {DatabaseError} */
export function refuseSharedSessions(pooling: Pooling, sessionUrl: string | undefined): void {
  if (!pooling.sharesSessions || sessionUrl !== undefined) return;
  throw new DatabaseError(
    "DATABASE_URL: leads through a pooler that gives every transaction another session, but the relay's lead, LISTEN and " +
      "migrations need one of their own: set DATABASE_SESSION_URL to the server itself",
  );
}

/**
 * Refuses a DATABASE_SESSION_URL that leads elsewhere: through a pooler two servers' relays would take the same session's
 * lock, and both lead; beside an embedded PostgreSQL the relay would look into another database than the writers.
 * @throws {DatabaseError}
 */
export async function checkSessionUrl(url: string | undefined, sessionUrl: string, log: Logger): Promise<void> {
  if (url === undefined)
    throw new DatabaseError("DATABASE_SESSION_URL: is set and DATABASE_URL is not: set both, or neither");
  if (!(await findPooling(sessionUrl, log)).sharesSessions) return;
  throw new DatabaseError(
    "DATABASE_SESSION_URL: leads through a pooler that gives every transaction another session, too: let it lead to the server itself",
  );
}
