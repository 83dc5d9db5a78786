import type { Sql, Transaction } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { CHANNEL } from "./notify.ts";
import { asRelay } from "./sql.ts";

/** An event that was refused so often that a person has to decide. */
export interface DeadLetter {
  readonly eventId: string;
  readonly tenantId: string;
  readonly type: string;
  readonly aggregateType: string;
  readonly aggregateId: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly occurredAt: string;
  readonly deadAt: string;
  readonly tries: number;
  readonly lastError: string;
  readonly bytes: number;
  /** Later events of the same aggregate that wait behind it, as far as they have been looked at. */
  readonly waiting: number;
}

/** A page of dead letters, oldest first. */
export interface DeadLetterPage {
  readonly data: DeadLetter[];
  /** `after` of the next page, or null at the end. */
  readonly next: string | null;
}

/** A decision about a dead letter. */
export interface Decision {
  readonly action: "requeue" | "discard";
  /** Who decides, for the audit. */
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** An entry of the audit, newest first. */
export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly action: Decision["action"];
  readonly eventId: string;
  readonly tenantId: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly lastError: string | null;
  readonly reason: string | null;
}

/** @param after `next` of the page before */
export async function listDeadLetters(sql: Sql, limit: number, after = "0"): Promise<DeadLetterPage> {
  const rows = await asRelay(sql, (tx) => selectDead(tx, limit + 1, after));
  const data = rows.slice(0, limit);
  return {
    data: data.map(({ id: _, occurredAt, deadAt, ...rest }) => ({
      ...rest,
      occurredAt: occurredAt.toISOString(),
      deadAt: deadAt.toISOString(),
    })),
    next: rows.length > limit ? (data.at(-1)?.id ?? null) : null,
  };
}

/**
 * Requeues a dead letter, so that it gets five new tries, or discards it, so that it is never published. What waits behind
 * it follows. Written to the audit in the same transaction.
 * @throws {AppError} not-found when there is no such dead letter (any more)
 */
export async function decide(sql: Sql, eventId: string, decision: Decision): Promise<AuditEntry> {
  return await asRelay(sql, async (tx) => {
    const entry = await applyDecision(tx, eventId, decision);
    if (entry === undefined) throw new AppError("not-found", `There is no dead letter ${eventId}`);
    return entry;
  });
}

/** What became of events that were requeued: how many died again, and how many still wait for their new tries. */
export async function fateOf(sql: Sql, eventIds: readonly string[]): Promise<{ dead: number; waiting: number }> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<{ dead: number; waiting: number }[]>`
      select count(*) filter (where dead_at is not null)::int as dead, count(*) filter (where dead_at is null)::int as waiting
      from outbox_events
      where event_id = any (${`{${eventIds.join(",")}}`}::text::uuid[])
        and ${unpublished(tx)} and discarded_at is null`,
  );
  return row ?? { dead: 0, waiting: 0 };
}

/** Decides about every dead letter there is, or every one of a tenant, in one transaction. */
export async function decideAll(sql: Sql, decision: Decision, tenantId?: string): Promise<AuditEntry[]> {
  return await asRelay(sql, async (tx) => {
    const ids = await tx<{ event_id: string }[]>`
      select event_id from outbox_events
      where dead_at is not null and discarded_at is null and tenant_id = coalesce(${tenantId ?? null}::uuid, tenant_id)
      order by id for update`;
    const entries: AuditEntry[] = [];
    for (const { event_id } of ids) {
      const entry = await applyDecision(tx, event_id, decision);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  });
}

/** The newest entries of the audit. */
export async function listAudit(sql: Sql, limit: number): Promise<AuditEntry[]> {
  const rows = await asRelay(
    sql,
    (tx) => tx<AuditRow[]>`
      select id, at, actor, action, event_id, tenant_id, type, aggregate_id, last_error, reason
      from outbox_audit order by id desc limit ${limit}`,
  );
  return rows.map(toEntry);
}

async function applyDecision(tx: Transaction, eventId: string, decision: Decision): Promise<AuditEntry | undefined> {
  const { action, actor, reason } = decision;
  // Either way the row stays held: the leader takes it, or what is behind it, up from there.
  const [row] = await tx<AuditRow[]>`
    with decided as (
      update outbox_events set
        dead_at = case when ${action} = 'discard' then dead_at end,
        discarded_at = case when ${action} = 'discard' then now() end,
        retry_count = case when ${action} = 'discard' then retry_count else 0 end
      where id = (select id from outbox_events where event_id = ${eventId} and ${unpublished(tx)})
        and published_at is null and dead_at is not null and discarded_at is null
      returning event_id, tenant_id, type, aggregate_id, last_error
    ), freed as (
      update outbox_blocked b set dead = false from decided d
      where b.tenant_id = d.tenant_id and b.aggregate_id = d.aggregate_id
    )
    insert into outbox_audit (actor, action, event_id, tenant_id, type, aggregate_id, last_error, reason)
    select ${actor}, ${action}, event_id, tenant_id, type, aggregate_id, last_error, ${reason ?? null} from decided
    returning id, at, actor, action, event_id, tenant_id, type, aggregate_id, last_error, reason`;
  // No business transaction waits on this lock, and the leader should know at once.
  if (row !== undefined) await tx`select pg_notify(${CHANNEL}, '')`;
  return row && toEntry(row);
}

/** As the index on event_id says it, which is of the unpublished alone: so that it is used, and by nothing else. */
function unpublished(tx: Transaction) {
  return tx`coalesce(published_at, '-infinity') = '-infinity'`;
}

interface AuditRow {
  id: string;
  at: Date;
  actor: string;
  action: Decision["action"];
  event_id: string;
  tenant_id: string;
  type: string;
  aggregate_id: string;
  last_error: string | null;
  reason: string | null;
}

function toEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    at: row.at.toISOString(),
    actor: row.actor,
    action: row.action,
    eventId: row.event_id,
    tenantId: row.tenant_id,
    type: row.type,
    aggregateId: row.aggregate_id,
    lastError: row.last_error,
    reason: row.reason,
  };
}

type DeadRow = Omit<DeadLetter, "occurredAt" | "deadAt"> & { id: string; occurredAt: Date; deadAt: Date };

async function selectDead(tx: Transaction, limit: number, after: string): Promise<DeadRow[]> {
  return await tx<DeadRow[]>`
    select d.id, d.event_id as "eventId", d.tenant_id as "tenantId", d.type, d.aggregate_type as "aggregateType",
      d.aggregate_id as "aggregateId", d.occurred_at as "occurredAt", d.dead_at as "deadAt", d.retry_count as tries,
      d.last_error as "lastError", octet_length(d.payload::text) as bytes, (
        select count(*)::int from outbox_events w
        where w.held and w.published_at is null and w.discarded_at is null
          and w.tenant_id = d.tenant_id and w.aggregate_id = d.aggregate_id and w.id > d.id
      ) as waiting
    from outbox_events d
    where d.dead_at is not null and d.discarded_at is null and d.id > ${after}::bigint
    order by d.id limit ${limit}`;
}
