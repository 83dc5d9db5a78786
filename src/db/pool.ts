import postgres from "postgres";
import type { Logger } from "../metrics/logger.ts";
import { addressOf, placeOf } from "./address.ts";

/** A pool of connections, or a transaction on one of them: what a named SQL verb takes. */
export type Sql = postgres.Sql;
/** A transaction in progress. */
export type Transaction = postgres.TransactionSql;

/** Milliseconds that a first connection may take before the start fails. */
const CONNECT_TIMEOUT_S = 10;

/**
 * Opens a pool. Nothing connects before the first query.
 * @param url postgres:// URL
 * @param max connections at most
 * @param prepare whether statements are prepared by name: less work for each, but not every pooler keeps the names
 */
export function createPool(url: string, max: number, log: Logger, prepare = true): Sql {
  return postgres(url, {
    ...addressOf(url),
    max,
    prepare,
    connect_timeout: CONNECT_TIMEOUT_S,
    // The types that we read need no look-up of the server's catalogue, which would cost a round trip a connection.
    fetch_types: false,
    connection: { application_name: "aetherlink" },
    onnotice: (notice) => log.debug({ notice: notice.message }, "postgres notice"),
  });
}

/** SQLSTATE classes and postgres.js codes which say that the database cannot serve right now, whatever was asked. */
const UNAVAILABLE =
  /^(08...|53...|57P0[1-5]|25006|CONNECTION_.*|CONNECT_TIMEOUT|ECONN.*|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|ETIMEDOUT)$/;

/** True for an error that means "the database is away or cannot write", not "this statement is wrong". */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && UNAVAILABLE.test(error.code);
}

/** True for an error after which nothing of the statement was done and another may go well: the server itself said so. */
export function isUndone(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.severity_local === "ERROR" && !isUnavailable(error);
}

/** The database cannot be used; the message is one line that says why, without the password. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/** Oldest server version supported, as `server_version_num` has it. */
const MIN_SERVER_VERSION = 150_000;

/**
 * Makes sure that the database answers and is new enough, before anything is built on it.
 * @param variable what led to it
 * @throws {DatabaseError}
 */
export async function probe(sql: Sql, variable = "DATABASE_URL"): Promise<void> {
  const where = placeOf(sql);
  let version: number;
  try {
    const [row] = await sql<{ version: string }[]>`select current_setting('server_version_num') as version`;
    version = Number(row?.version);
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new DatabaseError(`${variable}: cannot use the database at ${where}: ${reason}`, { cause: error });
  }
  if (version < MIN_SERVER_VERSION) {
    throw new DatabaseError(
      `${variable}: the server at ${where} has version ${version / 10_000}; 15 or newer is needed`,
    );
  }
}
