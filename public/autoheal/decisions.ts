import type { AuditEntry } from "../../src/autoheal/audit.ts";

/** A decision with all that was written about it. */
export interface DecisionView {
  readonly decisionId: string;
  /** What was written first: who, why, on what. */
  readonly first: AuditEntry;
  /** What came of it; undefined while it is being done, and where nothing was to be done. */
  readonly finished: AuditEntry | undefined;
  /** What other replicas did to their own parts. */
  readonly replicas: readonly AuditEntry[];
  /** As the page names it: `running` until what came of it is written. */
  readonly result: string;
}

/** Decisions that the page keeps. */
const MAX_DECISIONS = 100;

/**
 * Adds entries of the audit to decisions, in any order and more than once.
 * @returns the decisions, the newest first
 */
export function withEntries(before: readonly DecisionView[], entries: readonly AuditEntry[]): readonly DecisionView[] {
  const all = new Map(before.map((decision) => [decision.decisionId, decision]));
  for (const entry of entries) all.set(entry.decisionId, withEntry(all.get(entry.decisionId), entry));
  const newest = [...all.values()].toSorted((a, b) => Number(BigInt(b.first.id) - BigInt(a.first.id)));
  return newest.slice(0, MAX_DECISIONS);
}

function withEntry(decision: DecisionView | undefined, entry: AuditEntry): DecisionView {
  const known = decision === undefined ? [] : [decision.first, decision.finished ?? [], decision.replicas].flat();
  const entries = known.some(({ id }) => id === entry.id) ? known : [...known, entry];
  const order = entries.toSorted((a, b) => Number(BigInt(a.id) - BigInt(b.id)));
  const first = order.find(({ phase }) => phase === "started" || phase === "decided") ?? order[0] ?? entry;
  const finished = order.find(({ phase }) => phase === "finished");
  const result = finished?.result ?? (first.phase === "started" ? "running" : first.result);
  return {
    decisionId: entry.decisionId,
    first,
    finished,
    replicas: order.filter(({ phase }) => phase === "replica"),
    result,
  };
}

/** How a result is coloured and marked. */
export type Tone = "created" | "updated" | "deleted" | "status" | "other";

const TONES: Readonly<Record<string, Tone>> = {
  execute: "created",
  executed: "created",
  running: "status",
  dry_run: "status",
  cooldown: "updated",
  capped: "updated",
  acknowledged: "updated",
  breaker: "deleted",
  failed: "deleted",
  error: "deleted",
};

const WORDS: Readonly<Record<string, string>> = {
  execute: "would act",
  executed: "done",
  running: "running",
  dry_run: "dry run",
  cooldown: "cooldown",
  capped: "capped",
  acknowledged: "acknowledged",
  breaker: "breaker open",
  failed: "did not help",
  error: "error",
  not_allowed: "no rule",
};

export function toneOf(result: string): Tone {
  return TONES[result] ?? "other";
}

/** A result in words. */
export function wordsOf(result: string): string {
  return WORDS[result] ?? result;
}
