import type { Sql } from "../db/pool.ts";
import type { WriteRow } from "../idempotency/write.ts";
import type { ShownEntity } from "./context.ts";

/** A job to be made, as `create_job_each.sql` takes it. */
export interface JobCreation {
  readonly tenant: string;
  readonly key: string | null;
  /** Hex. */
  readonly fingerprint: string | null;
  readonly method: string;
  readonly path: string;
  readonly request: string;
  readonly traceparent: string;
  readonly now: Date;
  readonly expires: Date;
  readonly id: string;
  readonly event: string;
  readonly input: unknown;
}

/** A job to be read. */
export interface JobRead {
  readonly tenant: string;
  readonly id: string;
}

/** Makes jobs in one transaction, each answered for itself. */
export async function runCreations(sql: Sql, items: readonly JobCreation[]): Promise<readonly WriteRow[]> {
  // JSON goes through ::text, else the driver would encode the string as JSON a second time.
  return await sql<WriteRow[]>`select * from create_job_each(${JSON.stringify(items)}::text::json)`;
}

/** Reads jobs in one round trip; undefined for one that the tenant does not have. */
export async function runReads(sql: Sql, items: readonly JobRead[]): Promise<readonly (ShownEntity | undefined)[]> {
  const list = (values: readonly string[]) => `{${values.join(",")}}`;
  const rows = await sql<(ShownEntity | { version: null; body: null })[]>`
    select version, body
    from get_job_each(${list(items.map((item) => item.tenant))}::text::uuid[], ${list(items.map((item) => item.id))}::text::uuid[])`;
  return rows.map((row) => (row.version === null ? undefined : row));
}
