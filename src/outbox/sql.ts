import type { Sql, Transaction } from "../db/pool.ts";
import type { LogRecord } from "../log/log.ts";
import { type OutboxRow, toRecord } from "./record.ts";

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

/** How many events are waiting to be published, those behind a dead letter included. */
export async function countUnpublished(sql: Sql): Promise<number> {
  return (await selectBacklog(sql)).events;
}

/** What is waiting, as numbers. */
export interface Backlog {
  /** Events not published and not discarded. */
  readonly events: number;
  /** Age of the oldest of them by the database's clock; 0 when there is none. */
  readonly oldestSeconds: number;
  /** Age of the oldest of them that does not wait for another try, a decision, or behind one that does; 0 when there is none. */
  readonly oldestPendingSeconds: number;
  /** Those that wait for another try, a decision, or behind one that does. */
  readonly held: number;
  readonly deadLetters: number;
  readonly blockedAggregates: number;
}

interface BacklogRow {
  readonly pending: string;
  readonly held: string;
  readonly dead: string;
  readonly blocked: string;
  readonly oldest_pending: number | null;
  readonly oldest_held: number | null;
}

/** Counts by the partial indexes, which hold what is waiting alone: 60 ms a million events. */
export async function selectBacklog(sql: Sql): Promise<Backlog> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<BacklogRow[]>`
      select
        (select count(*) from outbox_events where published_at is null and not held) as pending,
        (select count(*) from outbox_events where held and published_at is null and discarded_at is null) as held,
        (select count(*) from outbox_events where dead_at is not null and discarded_at is null) as dead,
        (select count(*) from outbox_blocked) as blocked,
        extract(epoch from now() -
          (select occurred_at from outbox_events where published_at is null and not held order by id limit 1)
        )::float8 as oldest_pending,
        extract(epoch from now() -
          (select min(occurred_at) from outbox_events where held and published_at is null and discarded_at is null)
        )::float8 as oldest_held`,
  );
  return {
    events: Number(row?.pending ?? 0) + Number(row?.held ?? 0),
    oldestSeconds: Math.max(0, row?.oldest_pending ?? 0, row?.oldest_held ?? 0),
    oldestPendingSeconds: Math.max(0, row?.oldest_pending ?? 0),
    held: Number(row?.held ?? 0),
    deadLetters: Number(row?.dead ?? 0),
    blockedAggregates: Number(row?.blocked ?? 0),
  };
}

/** A transaction across all tenants. */
export async function asRelay<T>(sql: Sql, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const result = await sql.begin(async (tx) => {
    await tx`set local role aetherlink_relay`;
    return { value: await work(tx) };
  });
  return result.value;
}
