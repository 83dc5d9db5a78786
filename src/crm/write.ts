import type { PendingQuery, Row } from "postgres";
import type { Sql } from "../db/pool.ts";
import { readWrite, type StoredResponse, type WriteRow } from "../idempotency/write.ts";
import type { CrmDependencies, WriteContext } from "./context.ts";

/** A write's response, and whether it is a replay of an earlier one: then nothing was written now. */
export interface WriteOutcome {
  readonly response: StoredResponse;
  readonly replayed: boolean;
}

/** The first argument of every write function of `sql/functions/`: a row of its type `write_request`. */
export type WriteRequest = PendingQuery<Row[]>;

/**
 * Runs one write function in one round trip.
 * @param call makes the query, from the write's first argument
 * @throws {AppError} idempotency-key-busy, idempotency-key-reused; what the database refuses is a response like any other
 */
export async function runWrite(
  deps: CrmDependencies,
  context: WriteContext,
  now: Date,
  call: (sql: Sql, write: WriteRequest) => PendingQuery<WriteRow[]>,
): Promise<WriteOutcome> {
  const [row] = await traced(deps, context, () => call(deps.sql, writeRequest(deps, context, now)));
  return written(deps, context, row);
}

/** Runs the database's part of a write, as a span where there is tracing. */
export async function traced<T>(deps: CrmDependencies, context: WriteContext, work: () => PromiseLike<T>): Promise<T> {
  return await (deps.traced === undefined ? work() : deps.traced(context, work));
}

/**
 * What a write function's row says; wakes the relay when something was written.
 * @throws {AppError} idempotency-key-busy, idempotency-key-reused
 */
export function written(deps: CrmDependencies, context: WriteContext, row: WriteRow | undefined): WriteOutcome {
  if (context.idempotency !== undefined && row !== undefined) deps.keyed?.(row.outcome);
  const result = readWrite(row);
  if (!result.replayed && result.response.status < 400) deps.committed();
  return result;
}

function writeRequest(deps: CrmDependencies, context: WriteContext, now: Date): WriteRequest {
  const { tenantId, idempotency, ifMatch } = context;
  const versions = typeof ifMatch === "object" ? `{${ifMatch.join(",")}}` : null;
  return deps.sql`row(
    ${tenantId}::uuid, ${idempotency?.key ?? null}::text, ${idempotency?.fingerprint ?? null}::bytea,
    ${context.method}::text, ${context.path}::text, ${context.requestId}::text, ${context.traceparent}::text,
    ${versions}::text::integer[], ${deps.requireIfMatch && ifMatch === undefined}::boolean,
    ${now}::timestamptz, ${new Date(now.getTime() + deps.idempotencyTtlMs)}::timestamptz
  )::write_request`;
}
