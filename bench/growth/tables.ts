/** Tables that have grown: as many jobs, published events and kept answers as asked for, filled by SQL. */
import type { Sql, TransactionSql } from "postgres";

export interface Grown {
  readonly rows: number;
  readonly tenants: number;
}

/** A tenant of those that `grow` makes. */
export function tenantOf(n: number): string {
  return `aaaaaaaa-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/**
 * Fills empty tables, each in one transaction of its own and side by side. Indexes are dropped and made again behind the
 * rows, which is several times as fast as keeping them, and leaves the same trees as a table that was just reindexed.
 * With `wal_level=minimal` nothing of it goes through the log.
 */
export async function grow(sql: Sql, { rows, tenants }: Grown): Promise<void> {
  const tenant = sql`('aaaaaaaa-0000-4000-8000-' || lpad((n % ${tenants}::int)::text, 12, '0'))::uuid`;
  await Promise.all([
    refill(
      sql,
      "jobs",
      (tx) => tx`
      insert into jobs (tenant_id, id, version, title, status, description, tags, attributes, created_at, updated_at)
      select ${tenant}, md5('j' || n)::uuid, 1, 'Replace compressor, rooftop unit ' || n,
        (array['Open', 'Scheduled', 'InProgress', 'Completed'])[1 + n % 4], 'Please call before you come', '{}', '{}',
        '2026-01-01'::timestamptz + n * interval '1 second', '2026-01-01'::timestamptz + n * interval '1 second'
      from generate_series(1, ${rows}::int) n`,
    ),
    refill(
      sql,
      "outbox_events",
      (tx) => tx`
      insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at, published_at)
      select md5('e' || n)::uuid, ${tenant}, 'JobCreated', 'Job', md5('j' || n)::uuid,
        json_build_object('eventId', md5('e' || n)::uuid, 'eventType', 'JobCreated', 'filler', repeat('x', 360)),
        '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '2026-01-01', '2026-01-01'
      from generate_series(1, ${rows}::int) n`,
    ),
    refill(
      sql,
      "idempotency_keys",
      (tx) => tx`
      insert into idempotency_keys (tenant_id, key, fingerprint, request_method, request_path, status_code, response_headers,
        response_body, created_at, expires_at)
      select ${tenant}, md5('k' || n)::uuid::text, '\\x00'::bytea, 'POST', '/api/crm/jobs', 201, '{"ETag":"v1"}', repeat('x', 300),
        now(), now() + interval '1 day'
      from generate_series(1, ${rows}::int) n`,
    ),
  ]);
  await sql`checkpoint`;
}

async function refill(sql: Sql, table: string, insert: (tx: TransactionSql) => Promise<unknown>): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(`truncate ${table}`);
    await withoutIndexes(tx, table, () => insert(tx));
  });
  await sql.unsafe(`vacuum analyze ${table}`);
}

/** Drops a table's indexes but those of its keys, and makes them again when the work is done; its triggers do not fire meanwhile. */
export async function withoutIndexes(tx: TransactionSql, table: string, work: () => Promise<unknown>): Promise<void> {
  await tx`set local maintenance_work_mem = '1GB'`;
  await tx`set local session_replication_role = replica`;
  const indexes = await tx<{ name: string; definition: string }[]>`
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
    from pg_index where indrelid = ${table}::text::regclass
      and not exists (select from pg_constraint where conindid = indexrelid)`;
  for (const { name } of indexes) await tx.unsafe(`drop index ${name}`);
  await work();
  for (const { definition } of indexes) await tx.unsafe(definition);
}
