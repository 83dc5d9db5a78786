import { z } from "zod";
import type { Sql } from "../db/pool.ts";
import { asRelay } from "../outbox/index.ts";
import type { Db } from "./audit.ts";
import { notifyReplicas } from "./channel.ts";
import type { Trigger } from "./decide.ts";

/** Alerts in one payload; Alertmanager's own `max_alerts` can be set below that. */
const MAX_ALERTS = 1_000;
const MAX_LABELS = 64;
/** Alerts written in one statement. */
const BATCH = 1_000;

const text = (max: number) => {
  const rule = `must be text of at most ${max} characters`;
  return z
    .string(rule)
    .max(max, rule)
    .refine(
      (value) => !value.includes("\0") && value.isWellFormed(),
      "must not contain NUL or half of a surrogate pair",
    );
};
/** Names as Prometheus has them: https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels */
const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,199}$/, "must be the name of a label");
const labels = z
  .record(labelName, text(1_024))
  .refine((all) => Object.keys(all).length <= MAX_LABELS, `must have at most ${MAX_LABELS} labels`);
const STATUSES = ["firing", "resolved"] as const;
const status = z.enum(STATUSES, { error: `must be one of ${STATUSES.join(", ")}` });

const TIME_RULE = "must be a time such as 2026-11-23T07:00:00Z, from 1970 on";
const alertSchema = z.object({
  status,
  labels: labels.refine(({ alertname }) => alertname !== undefined && /^.{1,200}$/u.test(alertname), {
    error: "must have alertname, of 1 to 200 characters",
  }),
  annotations: z.record(z.string().max(200), text(4_096)).default({}),
  startsAt: z.iso
    .datetime({ offset: true, error: TIME_RULE })
    // The database's offsets and years have other bounds.
    .transform((text) => new Date(text))
    .refine((time) => time.getTime() >= Date.UTC(1969, 11, 31) && time.getTime() < Date.UTC(3000, 0, 2), TIME_RULE)
    .transform((time) => time.toISOString()),
  fingerprint: z.string("must be 16 hexadecimal digits").regex(/^[0-9a-f]{16}$/, "must be 16 hexadecimal digits"),
});

/**
 * What Alertmanager posts, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 * Fields that we have no use for may be there, in any form: later versions add some.
 */
export const alertsSchema = z.object(
  {
    version: z.literal("4", { error: 'must be "4"' }),
    status,
    alerts: z.array(alertSchema, "must be a list of alerts").max(MAX_ALERTS, `must have at most ${MAX_ALERTS} alerts`),
  },
  { error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined) },
);
/** An alert that was received. */
export type Alert = z.output<typeof alertSchema>;

/** An alert that the leader is to decide on. */
export interface PendingAlert {
  readonly trigger: Extract<Trigger, { kind: "alert" }>;
  /** As the database wrote it, microseconds and all: tells whether it came again meanwhile. */
  readonly receivedAt: string;
  readonly repeats: number;
}

/** What became of the alerts of one request. */
export interface Receipt {
  /** New ones, which the leader decides on. */
  readonly accepted: number;
  /** Firing still, and decided on a moment ago. */
  readonly duplicates: number;
  /** Not firing. */
  readonly ignored: number;
}

/**
 * Takes alerts to the database, where the leader finds them, whichever replica they came to. Requests that come together
 * are written together: a thousand in a second are a few statements.
 */
export class AlertInbox {
  readonly #sql: Sql;
  readonly #deduplicateSeconds: () => number;
  readonly #duplicate: (alert: Alert) => void;
  #waiting: { alerts: readonly Alert[]; done: PromiseWithResolvers<Set<string>> }[] = [];
  #writing: Promise<void> | undefined;

  /** @param duplicate told each alert that is not looked at again */
  constructor(sql: Sql, deduplicateSeconds: () => number, duplicate: (alert: Alert) => void) {
    this.#sql = sql;
    this.#deduplicateSeconds = deduplicateSeconds;
    this.#duplicate = duplicate;
  }

  /** Resolves when they are stored; rejects when the database is away, so that Alertmanager sends them again. */
  async receive(alerts: readonly Alert[]): Promise<Receipt> {
    // Alertmanager sends each fingerprint once; of one sent twice the last counts.
    const firing = [
      ...new Map(
        alerts.filter((alert) => alert.status === "firing").map((alert) => [alert.fingerprint, alert]),
      ).values(),
    ];
    const ignored = alerts.length - firing.length;
    if (firing.length === 0) return { accepted: 0, duplicates: 0, ignored };
    const done = Promise.withResolvers<Set<string>>();
    this.#waiting.push({ alerts: firing, done });
    this.#writing ??= this.#write();
    const repeated = await done.promise;
    const duplicates = firing.filter((alert) => repeated.has(alert.fingerprint));
    for (const alert of duplicates) this.#duplicate(alert);
    return { accepted: firing.length - duplicates.length, duplicates: duplicates.length, ignored };
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      try {
        const unique = new Map(
          batch.flatMap(({ alerts }) => alerts.map((alert) => [alert.fingerprint, alert] as const)),
        );
        const repeated = await upsertAlerts(this.#sql, [...unique.values()], this.#deduplicateSeconds());
        const seen = new Set<string>(repeated);
        for (const { alerts, done } of batch) {
          done.resolve(new Set(alerts.flatMap(({ fingerprint }) => (seen.has(fingerprint) ? fingerprint : []))));
          // The same alert in a later request of the batch is a repetition of this one.
          for (const { fingerprint } of alerts) seen.add(fingerprint);
        }
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#writing = undefined;
  }

  #take(): { alerts: readonly Alert[]; done: PromiseWithResolvers<Set<string>> }[] {
    let count = 0;
    let alerts = 0;
    while (count < this.#waiting.length && (count === 0 || alerts < BATCH))
      alerts += this.#waiting[count++]?.alerts.length ?? 0;
    return this.#waiting.splice(0, count);
  }
}

/** @returns the fingerprints of those that were decided on within the time, or wait for it, with the same beginning */
async function upsertAlerts(sql: Sql, alerts: readonly Alert[], deduplicateSeconds: number): Promise<string[]> {
  const rows = alerts.map(({ fingerprint, labels, startsAt }) => ({
    fingerprint,
    name: labels.alertname,
    labels,
    starts_at: startsAt,
  }));
  return await asRelay(sql, async (tx) => {
    const written = await tx<{ fingerprint: string; repeated: boolean }[]>`
      with incoming as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
          as r(fingerprint text, name text, labels jsonb, starts_at timestamptz)
        order by fingerprint
      )
      insert into autoheal_alerts as a (fingerprint, name, labels, starts_at)
      select fingerprint, name, labels, starts_at from incoming
      on conflict (fingerprint) do update set
        name = excluded.name, labels = excluded.labels, starts_at = excluded.starts_at,
        -- Of one that waits already nothing new is to be decided, unless it ended and began anew.
        received_at = case when a.pending and a.starts_at = excluded.starts_at then a.received_at
          else clock_timestamp() end,
        repeats = case when a.starts_at = excluded.starts_at
          and (a.pending or a.decided_at > clock_timestamp() - ${deduplicateSeconds} * interval '1 second')
          then a.repeats + 1 else 0 end,
        pending = a.pending or a.starts_at <> excluded.starts_at
          or a.decided_at <= clock_timestamp() - ${deduplicateSeconds} * interval '1 second'
      returning fingerprint, repeats > 0 as repeated`;
    await notifyReplicas(tx);
    return written.flatMap(({ fingerprint, repeated }) => (repeated ? fingerprint : []));
  });
}

/** The alerts that wait for a decision, oldest first. */
export async function selectPending(session: Db, limit: number): Promise<PendingAlert[]> {
  const rows = await session<
    {
      fingerprint: string;
      name: string;
      labels: Record<string, string>;
      starts_at: Date;
      received: string;
      repeats: number;
    }[]
  >`
    select fingerprint, name, labels, starts_at, received_at::text as received, repeats from autoheal_alerts
    where pending order by received_at limit ${limit}`;
  return rows.map(({ fingerprint, name, labels, starts_at, received, repeats }) => ({
    trigger: { kind: "alert", name, fingerprint, labels, startsAt: starts_at.toISOString() },
    receivedAt: received,
    repeats,
  }));
}
