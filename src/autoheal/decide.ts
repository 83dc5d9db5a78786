import { type Action, type ProbeName, type Rule, type Rules, targetsOf } from "./rules.ts";

/** Why something is decided at all. */
export type Trigger =
  | {
      readonly kind: "alert";
      readonly name: string;
      readonly fingerprint: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly startsAt: string;
    }
  | { readonly kind: "probe"; readonly probe: ProbeName; readonly downSeconds: number; readonly detail: string };

/** What became of a decision. The first three come after an execution. */
export const RESULTS = [
  "executed",
  "failed",
  "error",
  "dry_run",
  "cooldown",
  "capped",
  "breaker",
  "not_allowed",
  "acknowledged",
  "duplicate",
] as const;
export type Result = (typeof RESULTS)[number];
/** What a decision can say before anything is done. */
export type Verdict = "execute" | Exclude<Result, "executed" | "failed" | "error" | "duplicate">;

/** An execution in the last hour, or one that is under way. */
export interface Run {
  readonly action: string;
  readonly target: string;
  /** Milliseconds since 1970, by the database's clock. */
  readonly startedAt: number;
}

/** What a person said: until it expires, nothing is done about the cause. */
export interface Ack {
  readonly id: string;
  readonly cause: string;
  /** Of one alert; null for all of the cause. */
  readonly fingerprint: string | null;
  readonly note: string;
  readonly actor: string;
  readonly expiresAt: number;
}

/** All that a decision depends on beside its trigger and the rules. */
export interface Situation {
  /** Milliseconds since 1970, by the database's clock. */
  readonly now: number;
  /** The executions of the longest cooldown's time, an hour at least. */
  readonly runs: readonly Run[];
  /** Until when an action's breaker is open; missing when it is closed. */
  readonly openUntil: Readonly<Record<string, number>>;
  readonly acks: readonly Ack[];
  /** Actions that are under way here, as `keyOf` names them. */
  readonly running: ReadonlySet<string>;
}

/** What is to be done about a trigger by one rule. */
export interface Decision {
  readonly verdict: Verdict;
  /** A sentence: why. */
  readonly reason: string;
  /** Name of the action; undefined when no rule names one. */
  readonly action: string | undefined;
  /** Empty for an action without targets. */
  readonly target: string;
}

const HOUR_MS = 3_600_000;

/** What a trigger is about, as people and acknowledgements name it: `alert OutboxBacklogOld`, `probe broker`. */
export function causeOf(trigger: Trigger): string {
  return trigger.kind === "alert" ? `alert ${trigger.name}` : `probe ${trigger.probe}`;
}

/** One execution at a time of each of these. */
export function keyOf(action: string, target: string): string {
  return `${action}\0${target}`;
}

/** True when the rule is about this trigger. */
export function matches(rule: Rule, trigger: Trigger): boolean {
  if ("probe" in rule) {
    return trigger.kind === "probe" && rule.probe === trigger.probe && trigger.downSeconds >= rule.forSeconds;
  }
  if (trigger.kind !== "alert" || rule.alert !== trigger.name) return false;
  return Object.entries(rule.labels).every(
    ([label, value]) => Object.hasOwn(trigger.labels, label) && trigger.labels[label] === value,
  );
}

/**
 * What is to be done about a trigger: one decision for each rule that is about it, in their order. Nothing but its arguments
 * counts. An alert without a rule is not allowed anything; a probe without one is only looked at.
 */
export function decide(trigger: Trigger, rules: Rules, situation: Situation): Decision[] {
  const decisions: Decision[] = [];
  const runs = [...situation.runs];
  for (const rule of rules.rules.filter((rule) => matches(rule, trigger))) {
    const decision = decideByRule(rule, trigger, rules, { ...situation, runs });
    // Two rules that name the same action are one execution.
    if (decision.verdict === "execute" && decision.action !== undefined)
      runs.push({ action: decision.action, target: decision.target, startedAt: situation.now });
    decisions.push(decision);
  }
  if (decisions.length > 0 || trigger.kind === "probe") return decisions;
  const reason = `no rule of autoheal.json is about ${causeOf(trigger)} with these labels`;
  return [{ verdict: "not_allowed", reason, action: undefined, target: "" }];
}

/** What one rule makes of a trigger that it is about. */
export function decideByRule(rule: Rule, trigger: Trigger, rules: Rules, situation: Situation): Decision {
  const action = rules.actions[rule.action];
  const target = targetOf(rule, trigger);
  const say = (verdict: Verdict, reason: string): Decision => ({ verdict, reason, action: rule.action, target });
  if (action === undefined) return say("not_allowed", `there is no action ${rule.action}`);
  const targets = targetsOf(action);
  if (targets.length > 0 && !targets.includes(target)) {
    return { ...say("not_allowed", "what the alert's label names is not among the action's targets"), target: "" };
  }
  const ack = situation.acks.find((ack) => isAbout(ack, trigger) && ack.expiresAt > situation.now);
  if (ack !== undefined) return say("acknowledged", `${ack.actor} acknowledged it: ${ack.note}`);
  return decideByLimits(say, action, rule.action, target, rules, situation);
}

function decideByLimits(
  say: (verdict: Verdict, reason: string) => Decision,
  action: Action,
  name: string,
  target: string,
  rules: Rules,
  { now, runs, openUntil, running }: Situation,
): Decision {
  const open = openUntil[name];
  if (open !== undefined && open > now) {
    const times = action.breaker.failures === 1 ? "it failed" : `it failed ${action.breaker.failures} times in a row`;
    return say("breaker", `${times}; tried again in ${seconds(open - now)}`);
  }
  if (running.has(keyOf(name, target))) return say("cooldown", "it is being done right now");
  const own = runs.filter((run) => run.action === name);
  const last = Math.max(...own.filter((run) => run.target === target).map((run) => run.startedAt));
  const readyAt = last + action.cooldownSeconds * 1_000;
  if (readyAt > now)
    return say("cooldown", `it was done ${seconds(now - last)} ago; again in ${seconds(readyAt - now)}`);
  const inHour = own.filter((run) => run.startedAt > now - HOUR_MS).length;
  if (inHour >= action.maxPerHour) {
    return say("capped", `it was done ${inHour} times within the hour, and may be ${action.maxPerHour} times`);
  }
  if (rules.dryRun) return say("dry_run", "dryRun is set for all of autoheal.json");
  if (action.dryRun) return say("dry_run", "dryRun is set for this action");
  return say("execute", "a rule asks for it, and no limit stands against it");
}

/** True when an acknowledgement speaks of this trigger. */
function isAbout(ack: Ack, trigger: Trigger): boolean {
  if (ack.cause !== causeOf(trigger)) return false;
  return ack.fingerprint === null || (trigger.kind === "alert" && trigger.fingerprint === ack.fingerprint);
}

function targetOf(rule: Rule, trigger: Trigger): string {
  if (rule.target === undefined || typeof rule.target === "string") return rule.target ?? "";
  const { label } = rule.target;
  return trigger.kind === "alert" && Object.hasOwn(trigger.labels, label) ? (trigger.labels[label] ?? "") : "";
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.ceil(ms / 1_000))} s`;
}
