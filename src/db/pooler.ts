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

/** What is wrong with where a URL leads, and what to do about it. */
export interface Misled {
  readonly fault: string;
  readonly todo: string;
}

/**
 * Finds out whether a DATABASE_SESSION_URL leads where it has to: through a pooler two servers' relays would take the same
 * session's lock, and both lead; in another database the relay would look for events where nobody writes any.
 * @returns undefined when all is well
 * @throws {DatabaseError} when one of the two does not answer or is too old
 */
export async function findSessionFault(url: string, sessionUrl: string, log: Logger): Promise<Misled | undefined> {
  if ((await findPooling(sessionUrl, log)).sharesSessions)
    return {
      fault: "leads through a pooler that gives every transaction another session, too",
      todo: "let it lead to the server itself",
    };
  if (!(await shareLocks(url, sessionUrl, log)))
    return { fault: "leads to another database than DATABASE_URL", todo: "let both lead to the same one" };
  return undefined;
}

/** Names do not tell, for a pooler may give a database another: so a lock is taken in the one and tried for in the other. */
async function shareLocks(url: string, sessionUrl: string, log: Logger): Promise<boolean> {
  const [one, other] = [createPool(url, 1, log, false), createPool(sessionUrl, 1, log)];
  try {
    const key = crypto.getRandomValues(new BigInt64Array(1))[0];
    return await other.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${`${key}`}::text::bigint)`;
      const [row] = await one<{ is_free: boolean }[]>`
        select pg_try_advisory_xact_lock(${`${key}`}::text::bigint) as is_free`;
      return row?.is_free === false;
    });
  } finally {
    await Promise.all([one.end({ timeout: 0 }), other.end({ timeout: 0 })]);
  }
}

/**
 * Finds out what the two URLs lead to, and refuses to share sessions where there is no other way to one, and a
 * DATABASE_SESSION_URL that leads elsewhere.
 * @param url undefined for an embedded PostgreSQL
 * @returns what stands before `url`
 * @throws {DatabaseError}
 */
export async function checkUrls(
  url: string | undefined,
  sessionUrl: string | undefined,
  log: Logger,
): Promise<Pooling> {
  if (url === undefined) {
    if (sessionUrl === undefined) return DIRECT;
    throw new DatabaseError("DATABASE_SESSION_URL: is set and DATABASE_URL is not: set both, or neither");
  }
  const pooling = await findPooling(url, log);
  if (sessionUrl === undefined) {
    if (!pooling.sharesSessions) return pooling;
    throw new DatabaseError(
      "DATABASE_URL: leads through a pooler that gives every transaction another session, but the relay's lead, LISTEN and " +
        "migrations need one of their own: set DATABASE_SESSION_URL to the server itself",
    );
  }
  const misled = await findSessionFault(url, sessionUrl, log).catch((error: unknown) => {
    if (!(error instanceof DatabaseError)) throw error;
    throw new DatabaseError(error.message.replaceAll("DATABASE_URL", "DATABASE_SESSION_URL"), { cause: error });
  });
  if (misled !== undefined) throw new DatabaseError(`DATABASE_SESSION_URL: ${misled.fault}: ${misled.todo}`);
  return pooling;
}
