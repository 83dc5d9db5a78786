import type postgres from "postgres";
import type { Sql } from "../db/pool.ts";
import type { LogRecord, OutgoingRecord, RecordPosition } from "../log/log.ts";

/** A row of the outbox as the relay reads it. `id` is a bigint, kept as text. */
export interface OutboxRow {
  readonly id: string;
  readonly event_id: string;
  readonly tenant_id: string;
  readonly type: string;
  readonly aggregate_type: string;
  readonly aggregate_id: string;
  readonly payload: string;
  readonly traceparent: string | null;
  readonly occurred_at: Date;
}

/** The next unpublished events in id order, by the partial index. */
export async function selectUnpublished(session: postgres.ReservedSql, limit: number): Promise<OutboxRow[]> {
  return await session<OutboxRow[]>`
    select id, event_id, tenant_id, type, aggregate_type, aggregate_id, payload::text as payload, traceparent, occurred_at
    from outbox_events where published_at is null order by id limit ${limit}`;
}

/**
 * Records for events that were published where they stand in the log, in one statement. By id and never by a range of
 * ids: a row with an id in between may have committed after the batch was read.
 * @returns how many rows were marked: those that nobody had marked before
 */
export async function markPublished(
  session: postgres.ReservedSql,
  rows: readonly OutboxRow[],
  positions: readonly RecordPosition[],
): Promise<number> {
  const marked = await session`
    update outbox_events o set published_at = now(), log_partition = m.log_partition, log_offset = m.log_offset
    from unnest(
      ${arrayLiteral(rows.map((row) => row.id))}::text::bigint[],
      ${arrayLiteral(positions.map((position) => position.partition))}::text::integer[],
      ${arrayLiteral(positions.map((position) => position.offset))}::text::bigint[]
    ) as m (id, log_partition, log_offset)
    where o.id = m.id and o.published_at is null`;
  return marked.count;
}

/** `{1,2,3}`: numbers as PostgreSQL reads an array from text. */
function arrayLiteral(numbers: readonly (string | number)[]): string {
  return `{${numbers.join(",")}}`;
}

/** The newest published events, oldest first, with the positions that were recorded for them. */
export async function selectPublished(sql: Sql, limit: number): Promise<Omit<LogRecord, "topic">[]> {
  const rows = await asRelay(
    sql,
    (tx) => tx<(OutboxRow & { log_partition: number; log_offset: string; published_at: Date })[]>`
      select id, event_id, tenant_id, type, aggregate_type, aggregate_id, payload::text as payload, traceparent, occurred_at,
        log_partition, log_offset, published_at
      from outbox_events where log_offset is not null order by id desc limit ${limit}`,
  );
  return rows.reverse().map((row) => ({
    ...toRecord(row),
    partition: row.log_partition,
    offset: Number(row.log_offset),
    timestamp: row.published_at.getTime(),
  }));
}

/** The next offset behind all that were recorded, for each partition. Reads the whole table: for the start of an in-process log. */
export async function selectNextOffsets(sql: Sql): Promise<Map<number, number>> {
  const rows = await asRelay(
    sql,
    (tx) => tx<{ log_partition: number; next: string }[]>`
      select log_partition, max(log_offset) + 1 as next from outbox_events where log_offset is not null group by log_partition`,
  );
  return new Map(rows.map((row) => [row.log_partition, Number(row.next)]));
}

/** How many events are waiting to be published. */
export async function countUnpublished(sql: Sql): Promise<number> {
  const rows = await asRelay(
    sql,
    (tx) => tx<{ count: string }[]>`select count(*) as count from outbox_events where published_at is null`,
  );
  return Number(rows[0]?.count ?? 0);
}

/** A read across all tenants. */
async function asRelay<T>(sql: Sql, read: (tx: postgres.TransactionSql) => Promise<T>): Promise<T> {
  const result = await sql.begin(async (tx) => {
    await tx`set local role aetherlink_relay`;
    return { value: await read(tx) };
  });
  return result.value;
}

/**
 * The record for an event: the aggregate id as key, so that one aggregate keeps its order, and CloudEvents headers in
 * binary mode: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export function toRecord(row: OutboxRow): OutgoingRecord {
  return {
    key: row.aggregate_id,
    value: row.payload,
    headers: {
      ce_specversion: "1.0",
      ce_id: row.event_id,
      ce_type: row.type,
      ce_source: "/aetherlink/crm",
      ce_time: row.occurred_at.toISOString(),
      ce_subject: `${row.aggregate_type}/${row.aggregate_id}`,
      ce_tenantid: row.tenant_id,
      "content-type": "application/json",
      ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    },
  };
}
