import type { Db } from "./audit.ts";
import type { Ack, Run, Situation } from "./decide.ts";

/** What is stored of a situation; what is running is known to the leader's process alone. */
export type StoredSituation = Omit<Situation, "running"> & {
  /** Failures in a row of each action that has any. */
  readonly failures: Readonly<Record<string, number>>;
};

/** Reads all that decisions depend on, in one statement by one clock: the database's. */
export async function readSituation(db: Db): Promise<StoredSituation> {
  const [row] = await db<
    {
      now: number;
      runs: Run[];
      breakers: { action: string; failures: number; openUntil: number | null }[];
      acks: Ack[];
    }[]
  >`
    select extract(epoch from clock_timestamp())::float8 * 1000 as now,
      (select coalesce(json_agg(json_build_object('action', action, 'target', target,
          'startedAt', extract(epoch from started_at)::float8 * 1000)), '[]')
        from autoheal_runs where started_at > clock_timestamp() - interval '1 day') as runs,
      (select coalesce(json_agg(json_build_object('action', action, 'failures', failures,
          'openUntil', extract(epoch from open_until)::float8 * 1000)), '[]')
        from autoheal_breakers where failures > 0) as breakers,
      (select coalesce(json_agg(json_build_object('id', id, 'cause', cause, 'fingerprint', fingerprint, 'note', note,
          'actor', actor, 'expiresAt', extract(epoch from expires_at)::float8 * 1000) order by created_at), '[]')
        from autoheal_acks where expires_at > clock_timestamp()) as acks`;
  if (row === undefined) throw new TypeError("a select without a from has a row");
  const open = row.breakers.flatMap(({ action, openUntil }) => (openUntil === null ? [] : [[action, openUntil]]));
  return {
    now: row.now,
    runs: row.runs,
    acks: row.acks,
    openUntil: Object.fromEntries(open),
    failures: Object.fromEntries(row.breakers.map(({ action, failures }) => [action, failures])),
  };
}

/** A new acknowledgement. */
export interface NewAck {
  readonly id: string;
  readonly cause: string;
  readonly fingerprint: string | null;
  readonly note: string;
  readonly actor: string;
  readonly minutes: number;
}

/** Acknowledges a cause. @returns when it ends, by the database's clock */
export async function insertAck(tx: Db, ack: NewAck): Promise<Date> {
  const [row] = await tx<{ expires_at: Date }[]>`
    insert into autoheal_acks (id, cause, fingerprint, note, actor, expires_at)
    values (${ack.id}, ${ack.cause}, ${ack.fingerprint}, ${ack.note}, ${ack.actor},
      clock_timestamp() + ${ack.minutes} * interval '1 minute')
    returning expires_at`;
  if (row === undefined) throw new TypeError("an insert returns its row");
  return row.expires_at;
}

/** Deletes what nothing is decided on any more. On the leader's own session: one that hangs is noticed by its lease. */
export async function deleteOld(session: Db, auditDays: number): Promise<void> {
  await session`delete from autoheal_runs where started_at < clock_timestamp() - interval '2 days'`;
  await session`delete from autoheal_alerts where not pending and received_at < clock_timestamp() - interval '1 day'`;
  await session`delete from autoheal_acks where expires_at < clock_timestamp() - interval '30 days'`;
  await session`delete from autoheal_beats where minute < clock_timestamp() - interval '31 days'`;
  // By id, for there is no index on the time: what is too old stands at the beginning.
  await session`
    delete from autoheal_audit where id <= (
      select max(id) from (
        select id, at from autoheal_audit order by id limit 5000
      ) oldest where at < clock_timestamp() - ${auditDays} * interval '1 day')`;
}
