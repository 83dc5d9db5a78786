import type { Sql } from "../db/pool.ts";
import { asRelay } from "../outbox/index.ts";
import type { Db } from "./audit.ts";
import type { ProbeName } from "./rules.ts";

/** How a probe stands. */
export interface ProbeState {
  /** Null: cannot be told now, since what it depends on is down. */
  readonly up: boolean | null;
  /** A few words. */
  readonly detail: string;
  /** Seconds for which it has been down; 0 when it is not. */
  readonly downSeconds: number;
}
/** All that are looked at here: without Kafka there is no broker. */
export type ProbeStates = Readonly<Partial<Record<ProbeName, ProbeState>>>;

/** Who leads, as the database says. */
export interface Leader {
  readonly replica: string;
  /** RFC 3339, UTC. */
  readonly since: string;
  readonly beatAt: string;
  /** Seconds since the last beat, by the database's clock. */
  readonly ageSeconds: number;
  readonly probes: ProbeStates;
}

/** What is promised: of all minutes in 30 days, these many have a beat. */
export const OBJECTIVE = 0.999;
export const WINDOW_DAYS = 30;

/** How much of the error budget is left, counted from the heartbeats in the database. */
export interface ErrorBudget {
  readonly objective: number;
  readonly windowDays: number;
  /** Whole minutes since the first heartbeat, those of the window at most. */
  readonly observedMinutes: number;
  /** Of those, the ones without a beat. */
  readonly missedMinutes: number;
  /** Minutes that may be missed in the window: 43.2. */
  readonly allowedMinutes: number;
  /** 1: all of it; 0: none; below: overdrawn. */
  readonly remaining: number;
}

/** Writes a beat. @param since when this leader's term began; @returns seconds since 1970 by the database's clock */
export async function writeBeat(session: Db, replica: string, since: Date, probes: ProbeStates): Promise<number> {
  const [row] = await session<{ at: number }[]>`
    with counted as (
      insert into autoheal_beats as b (minute, beats) values (date_trunc('minute', clock_timestamp()), 1)
      on conflict (minute) do update set beats = b.beats + 1
    )
    insert into autoheal_leader (replica, since, beat_at, probes)
    values (${replica}, ${since}, clock_timestamp(), ${JSON.stringify(probes)}::text::jsonb)
    on conflict (only_one) do update set
      replica = excluded.replica, since = excluded.since, beat_at = excluded.beat_at, probes = excluded.probes
    returning extract(epoch from beat_at)::float8 as at`;
  if (row === undefined) throw new TypeError("an insert returns its row");
  return row.at;
}

/** The last that led; undefined when none ever did. */
export async function readLeader(sql: Sql): Promise<Leader | undefined> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<{ replica: string; since: Date; beat_at: Date; age: number; probes: ProbeStates }[]>`
      select replica, since, beat_at, extract(epoch from clock_timestamp() - beat_at)::float8 as age, probes
      from autoheal_leader`,
  );
  return (
    row && {
      replica: row.replica,
      since: row.since.toISOString(),
      beatAt: row.beat_at.toISOString(),
      ageSeconds: Math.max(0, Math.round(row.age * 10) / 10),
      probes: row.probes,
    }
  );
}

/** Counts the minutes with a beat. The minute under way does not count yet. */
export async function readBudget(sql: Sql): Promise<ErrorBudget> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<{ observed: number; beaten: number }[]>`
      select
        coalesce(extract(epoch from date_trunc('minute', clock_timestamp()) - min(minute)) / 60, 0)::int as observed,
        count(*)::int as beaten
      from autoheal_beats
      where minute >= date_trunc('minute', clock_timestamp()) - ${WINDOW_DAYS} * interval '1 day'
        and minute < date_trunc('minute', clock_timestamp())`,
  );
  return budgetOf(row?.observed ?? 0, row?.beaten ?? 0);
}

/** @param observed minutes since the first heartbeat; @param beaten those with a beat */
export function budgetOf(observed: number, beaten: number): ErrorBudget {
  const missed = Math.max(0, observed - beaten);
  const allowed = (1 - OBJECTIVE) * WINDOW_DAYS * 1_440;
  return {
    objective: OBJECTIVE,
    windowDays: WINDOW_DAYS,
    observedMinutes: observed,
    missedMinutes: missed,
    allowedMinutes: Math.round(allowed * 10) / 10,
    remaining: Math.round((1 - missed / allowed) * 10_000) / 10_000,
  };
}
