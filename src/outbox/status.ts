import type { Sql } from "../db/pool.ts";
import { within } from "../deadline.ts";
import { type DeadLetter, listDeadLetters } from "./dead-letters.ts";
import type { Relay } from "./relay.ts";
import { type Backlog, selectBacklog } from "./sql.ts";

/**
 * Milliseconds for which a count is shown again: counting a million rows takes 60 ms, and many may ask. At least so many times
 * what it took, so that counting a huge backlog never keeps a processor of the database busy.
 */
const FRESH_MS = 1_000;
const FRESH_TIMES = 20;
/** Milliseconds after which a count that has not come is asked for anew: its connection may be gone without a word. */
const HUNG_MS = 10_000;
/** Milliseconds that a page waits for it. */
const OVERVIEW_MS = 500;

/** How the outbox does, as people and metrics are told. */
export interface OutboxReport {
  readonly backlog: number;
  readonly oldestUnpublishedAgeSeconds: number;
  /** Of those that the relay could publish: not held. */
  readonly oldestPendingAgeSeconds: number;
  /** Events that wait for another try or a decision, and those behind them. */
  readonly held: number;
  readonly deadLetters: number;
  readonly blockedAggregates: number;
  /** Of this server: another one may lead. */
  readonly relay: { readonly state: Relay["state"] };
}

/** Counts what waits in the outbox, at most once a second whoever asks. */
export class OutboxStatus {
  readonly #sql: Sql;
  readonly #relay: Pick<Relay, "state">;
  /** The last count, or the one under way. */
  #counted: { freshUntil: number; backlog: Promise<Backlog> } | undefined;

  constructor(sql: Sql, relay: Pick<Relay, "state">) {
    this.#sql = sql;
    this.#relay = relay;
  }

  /** Of this server: another one may lead. */
  get relayState(): Relay["state"] {
    return this.#relay.state;
  }

  /** Rejects when the database is away. */
  async report(): Promise<OutboxReport> {
    const backlog = await this.#count();
    return {
      backlog: backlog.events,
      oldestUnpublishedAgeSeconds: backlog.oldestSeconds,
      oldestPendingAgeSeconds: backlog.oldestPendingSeconds,
      held: backlog.held,
      deadLetters: backlog.deadLetters,
      blockedAggregates: backlog.blockedAggregates,
      relay: { state: this.#relay.state },
    };
  }

  /** The report and the oldest dead letters, for a page that is shown in any case: null when the database does not answer at once. */
  async overview(letters: number): Promise<{ report: OutboxReport; letters: DeadLetter[] } | null> {
    const read = async () => {
      const report = await this.report();
      return { report, letters: report.deadLetters === 0 ? [] : (await listDeadLetters(this.#sql, letters)).data };
    };
    const overview = await within(OVERVIEW_MS, read()).catch(() => "failed" as const);
    return typeof overview === "string" ? null : overview;
  }

  #count(): Promise<Backlog> {
    if (this.#counted !== undefined && performance.now() < this.#counted.freshUntil) return this.#counted.backlog;
    const began = performance.now();
    const backlog = selectBacklog(this.#sql);
    // One at a time: a database that does not answer is not asked again and again.
    const counted = { freshUntil: began + HUNG_MS, backlog };
    this.#counted = counted;
    backlog.then(
      () => {
        const now = performance.now();
        counted.freshUntil = now + Math.max(FRESH_MS, FRESH_TIMES * (now - began));
      },
      () => {
        if (this.#counted === counted) this.#counted = undefined;
      },
    );
    return backlog;
  }
}
