import type { Sql } from "../db/pool.ts";
import { within } from "../deadline.ts";
import { asRelay } from "../outbox/index.ts";
import { type AuditEntry, selectAudit } from "./audit.ts";
import type { Autoheal } from "./autoheal.ts";
import { type Ack, decideByRule, type Situation, type Trigger, type Verdict } from "./decide.ts";
import { type ErrorBudget, type Leader, readBudget, readLeader } from "./heartbeat.ts";
import { type Action, type Rule, type Rules, targetsOf } from "./rules.ts";
import type { RulesFileState } from "./rules-file.ts";
import { readSituation, type StoredSituation } from "./situation.ts";

/** How an action of the file stands. */
export interface ActionStatus {
  readonly name: string;
  readonly type: Action["type"];
  readonly dryRun: boolean;
  readonly lastStartedAt: string | null;
  readonly cooldownSeconds: number;
  readonly inLastHour: number;
  readonly maxPerHour: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Until when it is not tried; null while its breaker is closed. */
  readonly breakerOpenUntil: string | null;
}

/** What a rule would do if its trigger came now. */
export interface Preview {
  /** Such as `probe relay down for 1 s` or `alert OutboxBacklogOld`. */
  readonly when: string;
  /** As an acknowledgement names it. */
  readonly cause: string;
  readonly action: string;
  readonly target: string;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** An acknowledgement that is in force. */
export type AckStatus = Omit<Ack, "expiresAt"> & { readonly expiresAt: string };

/** All that people are told: `GET /autoheal/status`. */
export interface AutohealStatus {
  /** The server that answered. */
  readonly replica: string;
  readonly state: Autoheal["state"];
  /** healthy: a heartbeat in the last minute; stale: none; never: none at all. */
  readonly health: "healthy" | "stale" | "never";
  readonly leader: Leader | null;
  readonly rules: RulesFileState & { readonly dryRun: boolean };
  readonly actions: readonly ActionStatus[];
  readonly preview: readonly Preview[];
  readonly acks: readonly AckStatus[];
  readonly errorBudget: ErrorBudget;
}

/** Seconds after which a heartbeat is stale, as the alert has it. */
const STALE_S = 60;
const HOUR_MS = 3_600_000;

/** Reads how autoheal stands, from any replica. Rejects when the database is away. */
export async function readStatus(
  sql: Sql,
  autoheal: Pick<Autoheal, "rules" | "state" | "replica">,
): Promise<AutohealStatus> {
  const [leader, budget, stored] = await Promise.all([
    readLeader(sql),
    readBudget(sql),
    asRelay(sql, (tx) => readSituation(tx)),
  ]);
  const { rules } = autoheal.rules;
  return {
    replica: autoheal.replica,
    state: autoheal.state,
    health: leader === undefined ? "never" : leader.ageSeconds > STALE_S ? "stale" : "healthy",
    leader: leader ?? null,
    rules: { ...autoheal.rules.state, dryRun: rules.dryRun },
    actions: Object.entries(rules.actions).map(([name, action]) => actionStatus(name, action, stored)),
    preview: previewOf(rules, { ...stored, running: new Set() }),
    acks: stored.acks.map((ack) => ({ ...ack, expiresAt: new Date(ack.expiresAt).toISOString() })),
    errorBudget: budget,
  };
}

/** Milliseconds that a page waits for the database, and entries of the audit that it shows. */
const PAGE_MS = 2_000;
const PAGE_ENTRIES = 150;

/** For a page that is shown in any case: without a status when the database does not answer at once. Never rejects. */
export async function autohealOverview({
  sql,
  autoheal,
}: {
  readonly sql: Sql;
  readonly autoheal: Pick<Autoheal, "rules" | "state" | "replica">;
}): Promise<{ readonly status: AutohealStatus | null; readonly entries: readonly AuditEntry[] }> {
  const both = Promise.all([readStatus(sql, autoheal), selectAudit(sql, { limit: PAGE_ENTRIES })]);
  const read = await within(PAGE_MS, both).catch(() => "failed" as const);
  if (read === "late" || read === "failed") return { status: null, entries: [] };
  const [status, newest] = read;
  return { status, entries: newest.toReversed() };
}

/** What each rule would do if its trigger came now: the same decision that the leader would make. Nothing is done or written. */
export function previewOf(rules: Rules, situation: Situation): Preview[] {
  return rules.rules.map((rule) => {
    const trigger = triggerOf(rule, rules);
    const { verdict, reason, target } = decideByRule(rule, trigger, rules, situation);
    const cause = trigger.kind === "probe" ? `probe ${trigger.probe}` : `alert ${trigger.name}`;
    return { when: whenOf(rule), cause, action: rule.action, target, verdict, reason };
  });
}

/** A trigger that the rule is about. */
function triggerOf(rule: Rule, rules: Rules): Trigger {
  if ("probe" in rule) return { kind: "probe", probe: rule.probe, downSeconds: rule.forSeconds, detail: "preview" };
  const action = rules.actions[rule.action];
  const label = typeof rule.target === "object" ? rule.target.label : undefined;
  const [target = ""] = action === undefined ? [] : targetsOf(action);
  return {
    kind: "alert",
    name: rule.alert,
    fingerprint: "preview",
    labels: { alertname: rule.alert, ...rule.labels, ...(label === undefined ? {} : { [label]: target }) },
    startsAt: new Date(0).toISOString(),
  };
}

function whenOf(rule: Rule): string {
  if ("probe" in rule) return `probe ${rule.probe} down for ${rule.forSeconds} s`;
  const labels = Object.entries(rule.labels).map(([name, value]) => `${name}=${value}`);
  return labels.length === 0 ? `alert ${rule.alert}` : `alert ${rule.alert} with ${labels.join(", ")}`;
}

function actionStatus(name: string, action: Action, { now, runs, openUntil, failures }: StoredSituation): ActionStatus {
  const own = runs.filter((run) => run.action === name).map((run) => run.startedAt);
  const open = openUntil[name];
  return {
    name,
    type: action.type,
    dryRun: action.dryRun,
    lastStartedAt: own.length === 0 ? null : new Date(Math.max(...own)).toISOString(),
    cooldownSeconds: action.cooldownSeconds,
    inLastHour: own.filter((at) => at > now - HOUR_MS).length,
    maxPerHour: action.maxPerHour,
    failures: failures[name] ?? 0,
    breakerOpenUntil: open !== undefined && open > now ? new Date(open).toISOString() : null,
  };
}
