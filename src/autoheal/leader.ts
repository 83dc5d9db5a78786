import type { Ambient } from "../ambient.ts";
import type { Sql } from "../db/pool.ts";
import { within } from "../deadline.ts";
import type { Logger } from "../metrics/logger.ts";
import { asRelay } from "../outbox/index.ts";
import { act, type Order, type Outcome, type Workshop } from "./actions/act.ts";
import { selectPending } from "./alerts.ts";
import { type BreakerRule, type Db, type NewEntry, selectUnfinished, writeAfter, writeBefore } from "./audit.ts";
import { causeOf, type Decision, decide, keyOf, type Trigger } from "./decide.ts";
import { writeBeat } from "./heartbeat.ts";
import type { AutohealMetrics } from "./metrics.ts";
import type { ProbeBoard } from "./probes.ts";
import { type Action, PROBES, type Rules } from "./rules.ts";
import { deleteOld, readSituation, type StoredSituation } from "./situation.ts";

export interface LeaderOptions {
  /** The pool: what came of an execution is written by it, also when the lead was lost meanwhile. */
  readonly sql: Sql;
  /** Throws when the lead was lost, by this server's own clock. */
  readonly assertLeading: () => void;
  readonly logger: Logger;
  readonly ambient: Ambient;
  readonly metrics: AutohealMetrics;
  readonly board: ProbeBoard;
  readonly shop: Workshop;
  readonly rules: () => Rules;
  /** Milliseconds between heartbeats. */
  readonly beatMs: number;
}

/** Alerts decided on together. */
const ALERTS = 500;
/** Milliseconds between two looks at the parts, at least. */
const LOOK_PAUSE_MS = 250;
/** Milliseconds between deletions of what is old. */
const HOUSEKEEPING_MS = 3_600_000;
/** Milliseconds for what is under way when the lead ends: a command gets half a second, the database the rest. */
const END_MS = 3_000;
/** Milliseconds between tries to write what came of an execution. */
const REWRITE_MS = 1_000;
/** What the audit keeps of an alert's labels, in characters of JSON. */
const INPUT = 20_000;

interface Planned {
  readonly trigger: Trigger;
  readonly decision: Decision;
  /** As the rules had it when it was decided: they may be others a moment later. */
  readonly action: Action | undefined;
  readonly entry: NewEntry;
}

/**
 * The work of one term of leadership, turn by turn: look, beat, decide, write down, act. What is decided is written on the
 * session that holds the lock, before anything is done; what cannot be written is not done.
 */
export class AutohealLeader {
  readonly #options: LeaderOptions;
  readonly #session: Db;
  readonly #since: Date;
  readonly #abort = new AbortController();
  /** Executions under way: by action and target. */
  readonly #running = new Map<string, Promise<void>>();
  /** What was last written about each cause that is down, so that it is not written again every second. */
  readonly #told = new Map<string, string>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #beatAt = Number.NEGATIVE_INFINITY;
  #housekeptAt = performance.now();

  constructor(session: Db, options: LeaderOptions) {
    this.#session = session;
    this.#options = options;
    this.#since = options.ambient.now();
  }

  /** Ends in the audit what a leader that is gone had begun. */
  async begin(): Promise<void> {
    const { metrics } = this.#options;
    for (const started of await selectUnfinished(this.#session)) {
      const detail = `${started.replica} ended or lost the lead before it wrote what came of this`;
      const entry: NewEntry = { ...started, replica: this.#replica, phase: "finished", result: "error", detail };
      await metrics.audited(writeAfter(this.#session, entry, true, this.#breakerOf(started.action)));
      metrics.decided(started.action, "error");
    }
  }

  /** One turn. Rejects when the database fails; nothing was done then that is not in the audit. */
  async turn(): Promise<void> {
    const { metrics, assertLeading } = this.#options;
    const hasChanged = await this.#look();
    const alerts = await selectPending(this.#session, ALERTS);
    const triggers: Trigger[] = [...alerts.map(({ trigger }) => trigger), ...this.#down()];
    const situation = await readSituation(this.#session);
    this.#tellBreakers(situation);
    const planned = this.#plan(triggers, situation);
    if (planned.length > 0 || alerts.length > 0) {
      const settled = alerts.map(({ trigger, receivedAt }) => ({ fingerprint: trigger.fingerprint, receivedAt }));
      await metrics.audited(
        writeBefore(
          this.#session,
          planned.map(({ entry }) => entry),
          settled,
        ),
      );
      // This process may have slept since it asked: another one leads then, and has ended what stands there as begun.
      assertLeading();
      for (const plan of planned) this.#begin(plan);
    }
    // At the end of a turn: a service that cannot read or write what it decides on shows no sign of life.
    if (hasChanged || performance.now() - this.#beatAt >= this.#options.beatMs) await this.#beat();
    await this.#housekeep();
  }

  /** True while a part is down. */
  get isUneasy(): boolean {
    return Object.values(this.#options.board.states).some(({ up }) => up === false);
  }

  /** Resolves when nothing is being done. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Lets go of what is under way: each execution ends soon, and what came of it is still written if the database answers. */
  async end(): Promise<void> {
    this.#abort.abort();
    await within(END_MS, Promise.all(this.#running.values()));
  }

  get #replica(): string {
    return this.#options.shop.replica;
  }

  /** Alerts that come in numbers make many turns, and the broker is not to be asked in each. */
  async #look(): Promise<boolean> {
    const { board, metrics } = this.#options;
    if (performance.now() - this.#lookedAt < LOOK_PAUSE_MS) return false;
    const hasChanged = await board.look();
    this.#lookedAt = performance.now();
    metrics.probes(board.states);
    return hasChanged;
  }

  async #beat(): Promise<void> {
    const { metrics, board } = this.#options;
    metrics.beat(await writeBeat(this.#session, this.#replica, this.#since, board.states));
    this.#beatAt = performance.now();
  }

  /** Probes that are down. What is well again may be told anew. */
  #down(): Trigger[] {
    const { states } = this.#options.board;
    return PROBES.flatMap((probe) => {
      const state = states[probe];
      if (state?.up === false)
        return [{ kind: "probe", probe, downSeconds: state.downSeconds, detail: state.detail } as const];
      for (const key of this.#told.keys()) if (key.startsWith(`probe ${probe}\0`)) this.#told.delete(key);
      return [];
    });
  }

  #plan(triggers: readonly Trigger[], stored: StoredSituation): Planned[] {
    const rules = this.#options.rules();
    const runs = [...stored.runs];
    const planned: Planned[] = [];
    for (const trigger of triggers) {
      const situation = { ...stored, runs, running: new Set(this.#running.keys()) };
      for (const decision of decide(trigger, rules, situation)) {
        const { action, target, verdict } = decision;
        // Else two triggers of one turn would both be acted on.
        if (verdict === "execute" && action !== undefined) runs.push({ action, target, startedAt: stored.now });
        if (trigger.kind === "probe" && this.#isTold(trigger, decision)) continue;
        const planAction = action === undefined ? undefined : rules.actions[action];
        const entry = this.#entryOf(trigger, decision, planAction?.type);
        planned.push({ trigger, decision, action: planAction, entry });
      }
    }
    return planned;
  }

  /** A part that is down is decided on every second; only what is new about it is worth a line. */
  #isTold(trigger: Trigger, decision: Decision): boolean {
    const { action, target, verdict } = decision;
    if (action !== undefined && this.#running.has(keyOf(action, target))) return true;
    return verdict !== "execute" && this.#told.get(toldKey(trigger, decision)) === verdict;
  }

  #entryOf(trigger: Trigger, decision: Decision, type: string | undefined): NewEntry {
    const { verdict, action, target, reason } = decision;
    return {
      decisionId: this.#options.ambient.newId(),
      phase: verdict === "execute" ? "started" : "decided",
      replica: this.#replica,
      actor: trigger.kind === "alert" ? "alertmanager" : "probe",
      cause: causeOf(trigger),
      action: action ?? null,
      target,
      result: verdict,
      reason,
      input: inputOf(trigger, type),
    };
  }

  #begin({ trigger, decision, action, entry }: Planned): void {
    const { metrics, logger } = this.#options;
    const { verdict, action: name, target } = decision;
    if (trigger.kind === "probe") this.#told.set(toldKey(trigger, decision), verdict);
    logger.info({ cause: entry.cause, action: name, target, verdict, reason: entry.reason }, "autoheal decided");
    if (verdict !== "execute") {
      metrics.decided(name, verdict);
      return;
    }
    if (name === undefined || action === undefined) throw new TypeError("only an action of the file is executed");
    const order: Order = { decisionId: entry.decisionId, name, action, target, cause: entry.cause, trigger };
    const key = keyOf(name, target);
    const execution = this.#execute(order, entry).finally(() => this.#running.delete(key));
    this.#running.set(key, execution);
  }

  async #execute(order: Order, started: NewEntry): Promise<void> {
    const { shop, metrics, logger } = this.#options;
    const began = performance.now();
    const outcome: Outcome = await act(shop, order, this.#abort.signal);
    const durationMs = Math.round((performance.now() - began) * 10) / 10;
    const { result, detail } = outcome;
    logger.info({ action: order.name, target: order.target, result, detail, durationMs }, "autoheal acted");
    metrics.decided(order.name, result);
    const entry: NewEntry = { ...started, phase: "finished", result, detail, durationMs };
    await this.#writeAfter(entry, result !== "executed", order.action.breaker);
  }

  /** Tried again until it is written, or until this server stops: the next leader then ends it in the audit. */
  async #writeAfter(entry: NewEntry, failed: boolean, breaker: BreakerRule): Promise<void> {
    const { sql, metrics, logger } = this.#options;
    for (;;) {
      try {
        await metrics.audited(asRelay(sql, (tx) => writeAfter(tx, entry, failed, breaker)));
        return;
      } catch (error) {
        logger.error(
          { err: error, decision: entry.decisionId },
          "what came of an action could not be written, will try again",
        );
        if (this.#abort.signal.aborted) return;
        await Bun.sleep(REWRITE_MS);
      }
    }
  }

  /** As the file has it now; of an action that it has no more, as by default. */
  #breakerOf(action: string | null): BreakerRule {
    return this.#options.rules().actions[action ?? ""]?.breaker ?? { failures: 3, openSeconds: 600 };
  }

  #tellBreakers({ now, openUntil }: StoredSituation): void {
    const names = Object.keys(this.#options.rules().actions);
    this.#options.metrics.breakers(names, (name) => (openUntil[name] ?? 0) > now);
  }

  async #housekeep(): Promise<void> {
    if (performance.now() - this.#housekeptAt < HOUSEKEEPING_MS) return;
    this.#housekeptAt = performance.now();
    await deleteOld(this.#session, this.#options.rules().auditDays);
  }
}

function toldKey(trigger: Trigger, { action, target }: Decision): string {
  return `${causeOf(trigger)}\0${action}\0${target}`;
}

/** What it was decided on; `type` tells other replicas what to do to their own parts. */
function inputOf(trigger: Trigger, type: string | undefined): Record<string, unknown> {
  const input = type === undefined ? { ...trigger } : { ...trigger, type };
  return JSON.stringify(input).length <= INPUT ? input : { ...input, labels: "too long to be kept" };
}
