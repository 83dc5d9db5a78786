import type postgres from "postgres";
import type { Sql } from "../db/pool.ts";
import { asRelay } from "../outbox/index.ts";
import { CHANNEL, notifyReplicas } from "./channel.ts";

/** A pool, a session or a transaction. */
export type Db = postgres.ISql;

/** Where in the life of a decision an entry stands: see `sql/0004_autoheal.sql`. */
export const PHASES = ["decided", "started", "finished", "replica"] as const;
export type Phase = (typeof PHASES)[number];

/** An entry to be written. */
export interface NewEntry {
  readonly decisionId: string;
  readonly phase: Phase;
  readonly replica: string;
  readonly actor: string;
  readonly cause: string;
  readonly action: string | null;
  readonly target: string;
  /** One of RESULTS, or `execute` before an execution. */
  readonly result: string;
  readonly reason: string;
  /** What it was decided on: labels, fingerprint, seconds down. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly detail?: string | null;
  readonly durationMs?: number | null;
}

/** An entry of the audit as the API shows it. */
export interface AuditEntry extends Required<NewEntry> {
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
}

/** Which entries are wanted. */
export interface AuditQuery {
  readonly limit: number;
  /** Id behind which the page begins, going back in time. */
  readonly before?: string | undefined;
  readonly action?: string | undefined;
  readonly result?: string | undefined;
  readonly decision?: string | undefined;
}

/**
 * Writes what was decided before anything of it is done, in one statement: the entries, the start of each execution, which
 * its cooldown and cap count from, and that these alerts were decided on.
 * @param session the leader's own: whoever lost the lead cannot write, and so does nothing
 * @param alerts fingerprint of each alert, and when it came as the database wrote it
 */
export async function writeBefore(
  session: Db,
  entries: readonly NewEntry[],
  alerts: readonly { readonly fingerprint: string; readonly receivedAt: string }[],
): Promise<void> {
  await session`
    with written as (
      insert into autoheal_audit (decision_id, phase, replica, actor, cause, action, target, result, reason, input)
      select "decisionId", phase, replica, actor, cause, action, target, result, reason, input
      from jsonb_to_recordset(${JSON.stringify(entries)}::text::jsonb) as e(
        "decisionId" uuid, phase text, replica text, actor text, cause text, action text, target text, result text,
        reason text, input jsonb)
      returning decision_id, phase, action, target
    ), runs as (
      insert into autoheal_runs (decision_id, action, target)
      select decision_id, action, target from written where phase = 'started'
    ), settled as (
      update autoheal_alerts a set pending = false, decided_at = clock_timestamp()
      from jsonb_to_recordset(${JSON.stringify(alerts)}::text::jsonb) as d(fingerprint text, "receivedAt" timestamptz)
      where a.fingerprint = d.fingerprint and a.received_at = d."receivedAt"
    )
    select pg_notify(${CHANNEL}, ''), count(*) from written`;
}

/** How the breaker of an action counts. */
export interface BreakerRule {
  readonly failures: number;
  readonly openSeconds: number;
}

/**
 * Writes what came of an execution, and counts it for the action's breaker, in one statement. The first to say so counts: a
 * leader that lost the lead may still write what its successor has given up.
 * @returns failures in a row, and whether the breaker is open now; undefined when it was written before
 */
export async function writeAfter(
  db: Db,
  entry: NewEntry,
  failed: boolean,
  { failures, openSeconds }: BreakerRule,
): Promise<{ failures: number; isOpen: boolean } | undefined> {
  const [row] = await db<{ failures: number; is_open: boolean }[]>`
    with written as (
      ${insertion(db, entry)}
      on conflict (decision_id) where phase = 'finished' do nothing
      returning action
    ), told as (
      select pg_notify(${CHANNEL}, '') from written
    )
    insert into autoheal_breakers as b (action, failures, open_until)
    select action, ${failed ? 1 : 0}::int,
      case when ${failed && failures <= 1} then clock_timestamp() + ${openSeconds} * interval '1 second' end
    from written where (select count(*) from told) = 1
    on conflict (action) do update set
      failures = case when ${failed} then b.failures + 1 else 0 end,
      open_until = case when ${failed} and b.failures + 1 >= ${failures}
        then clock_timestamp() + ${openSeconds} * interval '1 second' end
    returning failures, open_until is not null as is_open`;
  return row && { failures: row.failures, isOpen: row.is_open };
}

/** Writes one entry by itself. */
export async function writeEntry(sql: Sql, entry: NewEntry): Promise<void> {
  await asRelay(sql, async (tx) => {
    await insertEntry(tx, entry);
    await notifyReplicas(tx);
  });
}

/** Writes an entry in a transaction. */
export async function insertEntry(tx: Db, entry: NewEntry): Promise<void> {
  await insertion(tx, entry);
}

function insertion(db: Db, entry: NewEntry) {
  return db`
    insert into autoheal_audit
      (decision_id, phase, replica, actor, cause, action, target, result, reason, input, detail, duration_ms)
    values (${entry.decisionId}, ${entry.phase}, ${entry.replica}, ${entry.actor}, ${entry.cause}, ${entry.action},
      ${entry.target}, ${entry.result}, ${entry.reason}, ${JSON.stringify(entry.input)}::text::jsonb,
      ${entry.detail ?? null}, ${entry.durationMs ?? null})`;
}

/** Entries that began an execution of which nobody wrote an end: their leader is gone. To be asked by a new leader. */
export async function selectUnfinished(session: Db): Promise<AuditEntry[]> {
  const rows = await session<Row[]>`
    select s.* from autoheal_runs r join autoheal_audit s on s.decision_id = r.decision_id and s.phase = 'started'
    where r.started_at > clock_timestamp() - interval '1 day'
      and not exists (select from autoheal_audit f where f.decision_id = s.decision_id and f.phase = 'finished')
    order by s.id`;
  return rows.map(toEntry);
}

/** The newest entries that match, newest first. */
export async function selectAudit(sql: Sql, query: AuditQuery): Promise<AuditEntry[]> {
  const { limit, before, action, result, decision } = query;
  const rows = await asRelay(
    sql,
    (tx) => tx<Row[]>`
      select * from autoheal_audit
      where id < ${before ?? MAX_ID}::bigint
        and (${action ?? null}::text is null or action = ${action ?? null})
        and (${result ?? null}::text is null or result = ${result ?? null})
        and (${decision ?? null}::uuid is null or decision_id = ${decision ?? null}::uuid)
      order by id desc limit ${limit}`,
  );
  return rows.map(toEntry);
}

/** Entries behind an id, oldest first. */
export async function selectAuditAfter(sql: Sql, after: string, limit: number): Promise<AuditEntry[]> {
  const rows = await asRelay(
    sql,
    (tx) => tx<Row[]>`select * from autoheal_audit where id > ${after}::bigint order by id limit ${limit}`,
  );
  return rows.map(toEntry);
}

/** Id of the newest entry; "0" when there is none. */
export async function newestAuditId(sql: Sql): Promise<string> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<{ id: string }[]>`select coalesce(max(id), 0)::text as id from autoheal_audit`,
  );
  return row?.id ?? "0";
}

const MAX_ID = "9223372036854775807";

interface Row {
  id: string;
  at: Date;
  decision_id: string;
  phase: Phase;
  replica: string;
  actor: string;
  cause: string;
  action: string | null;
  target: string;
  result: string;
  reason: string;
  input: Record<string, unknown>;
  detail: string | null;
  duration_ms: number | null;
}

function toEntry({ decision_id, duration_ms, at, ...row }: Row): AuditEntry {
  return { ...row, at: at.toISOString(), decisionId: decision_id, durationMs: duration_ms };
}
