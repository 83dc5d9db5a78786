import postgres from "postgres";
import type { Logger } from "../metrics/logger.ts";

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
 */
export function createPool(url: string, max: number, log: Logger): Sql {
  return postgres(url, {
    max,
    connect_timeout: CONNECT_TIMEOUT_S,
    // The types that we read need no look-up of the server's catalogue, which would cost a round trip a connection.
    fetch_types: false,
    connection: { application_name: "aetherlink" },
    onnotice: (notice) => log.debug({ notice: notice.message }, "postgres notice"),
  });
}

/** SQLSTATE classes and postgres.js codes which say that the database cannot serve right now, whatever was asked. */
const UNAVAILABLE = /^(08...|53...|57P0[1-5]|25006|CONNECTION_.*|CONNECT_TIMEOUT|ECONN.*|ENOTFOUND|EPIPE|ETIMEDOUT)$/;

/** True for an error that means "the database is away or cannot write", not "this statement is wrong". */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && UNAVAILABLE.test(error.code);
}
