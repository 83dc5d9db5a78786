import type { Session, SessionEvents } from "../db/session.ts";
import { within } from "../deadline.ts";
import type { EventLog } from "../log/log.ts";
import type { Logger } from "../metrics/logger.ts";
import { Pauses } from "../pauses.ts";
import { RelayLeader, type StepResult } from "./leader.ts";
import { LeadershipLostError, Lease } from "./lease.ts";
import { tryLead } from "./lock.ts";
import { CHANNEL } from "./notify.ts";
import { ProblemLog } from "./problems.ts";
import type { Settlement } from "./settle.ts";
import { SessionOutbox } from "./store.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 5_000;
/** Longest pause between tries to become leader: a standby takes over well within 2 s. */
const STANDBY_MS = 500;
/** Milliseconds that stop waits for a database or log that does not answer. */
const STOP_MS = 1_500;
const LEASE_MS = 10_000;
/** Batches in a row for which the log was away, after which another server may try whether it reaches it: a minute or two. */
const MAX_INTERRUPTIONS = 10;

/**
 * On a young outbox, or one that was just emptied, PostgreSQL plans to read the whole table, and keeps to that plan while the
 * table grows, until it is next analyzed: a minute or more in which each batch costs more than the one before.
 */
const INDEXES_ONLY = `select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
  set_config('enable_mergejoin', 'off', false)`;

export interface RelayOptions {
  /** Opens the session that will hold the leader's lock. */
  openSession(events: SessionEvents): Promise<Session>;
  readonly log: Pick<EventLog, "publish">;
  readonly logger: Logger;
  /** Events published and marked together. */
  readonly batch: number;
  /** Milliseconds between looks into the outbox when nothing woke the leader. */
  readonly pollMs: number;
  /** Told what became of each batch. */
  readonly settled?: ((settlement: Settlement) => void) | undefined;
  /** Milliseconds of silence after which a leader has lost its lead. Default 10,000. */
  readonly leaseMs?: number;
}

/**
 * Moves committed events from the outbox to the log: one leader by session advisory lock, the others stand by.
 * `stopped` before start and after stop, `standby` while another leads or the database is away, else `leading`.
 */
export class Relay {
  state: "stopped" | "standby" | "leading" = "stopped";
  readonly #options: RelayOptions;
  #stopping = false;
  /** Calls of `stop`: what was to be started again is not, after one. */
  #stops = 0;
  #done: Promise<void> | undefined;
  #session: Session | undefined;
  /** Resolved by a kick; a new one for each wait. */
  #wake = Promise.withResolvers<void>();
  #kicked = false;
  /** Ended by stop. */
  #pauses = new Pauses();
  #backoffMs = BACKOFF_FIRST_MS;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Starts the loop in the background; it survives a database that is away. Does nothing while an earlier loop has not ended. */
  start(): void {
    if (this.#done !== undefined) return;
    this.#stopping = false;
    this.#pauses = new Pauses();
    this.state = "standby";
    this.#done = this.#run().finally(() => {
      this.#done = undefined;
    });
  }

  /** Says that something was committed: the leader looks at once. Costs nothing when it is at work already. */
  kick(): void {
    this.#kicked = true;
    this.#wake.resolve();
  }

  /**
   * Ends the loop and begins a new one: another session, another try for the lead. A loop that does not end, since it waits
   * for a log or database that does not answer, is followed by the new one as soon as it does.
   * @returns false when the old loop has not ended yet
   */
  async restart(): Promise<boolean> {
    if (this.state === "stopped") return false;
    const stops = this.#stops;
    await this.#halt();
    const again = () => {
      // Unless it was stopped for good meanwhile.
      if (this.#stops === stops) this.start();
    };
    const hanging = this.#done;
    if (hanging === undefined) again();
    else void hanging.then(again);
    return hanging === undefined;
  }

  /** Publishes what is committed, then hands over the lead; not for long when database or log do not answer. Safe twice. */
  async stop(): Promise<void> {
    this.#stops++;
    await this.#halt();
  }

  async #halt(): Promise<void> {
    this.#stopping = true;
    this.#pauses.end();
    if (this.#done !== undefined && (await within(STOP_MS, this.#done)) === "late") {
      this.#options.logger.warn("the relay stops in the middle of its work: what was not recorded is published again");
      await this.#session?.close();
      // A log that is away keeps it waiting until it is stopped itself, which comes next; then it ends without recording.
    }
    this.state = "stopped";
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        const kick = () => this.kick();
        this.#session = await this.#options.openSession({ onLost: kick, onNotification: kick });
        try {
          await this.#follow(this.#session);
        } finally {
          if (this.state === "leading") this.state = "standby";
          await this.#session.close();
          this.#session = undefined;
        }
      } catch (error) {
        if (this.#stopping) return;
        await this.#backOff(error, "relay interrupted, will try again");
      }
    }
  }

  /** Waits to become leader, then leads until told to stop. Throws when the session fails. */
  async #follow(session: Session): Promise<void> {
    for (let isFirst = true; !(await this.#tryLead(session)); isFirst = false) {
      this.#backoffMs = BACKOFF_FIRST_MS;
      if (isFirst) this.#options.logger.info("another server's relay leads, this one stands by");
      if (this.#stopping) return;
      await this.#pauses.wait(Math.min(this.#options.pollMs, STANDBY_MS));
    }
    await session.sql.unsafe(INDEXES_ONLY);
    const lease = new Lease(session, this.#leaseMs);
    await lease.begin();
    try {
      await this.#lead(session, lease);
    } finally {
      lease.end();
    }
  }

  /** A database that is gone without a word must not keep a standby waiting for as long as TCP does, a quarter of an hour. */
  async #tryLead(session: Session): Promise<boolean> {
    const leads = await within(this.#leaseMs, tryLead(session.sql));
    if (leads === "late") throw new LeadershipLostError(`the database did not answer within ${this.#leaseMs} ms`);
    return leads;
  }

  get #leaseMs(): number {
    return this.#options.leaseMs ?? LEASE_MS;
  }

  async #lead(session: Session, lease: Lease): Promise<void> {
    const { log, batch, settled, logger } = this.#options;
    const problems = new ProblemLog(logger);
    const leader = new RelayLeader({
      outbox: new SessionOutbox(session.sql),
      log,
      batch,
      clock: () => performance.now(),
      assertLeading: () => lease.assert(),
      isKicked: () => this.#kicked,
      settled: (settlement) => {
        problems.settled(settlement);
        settled?.(settlement);
      },
    });
    // Before the first look, so that nothing falls between the two.
    await session.sql.unsafe(`listen ${CHANNEL}`);
    await leader.begin();
    this.state = "leading";
    logger.info("relay leads");
    for (let interruptions = 0; ; ) {
      const stopping = this.#stopping;
      this.#kicked = false;
      const result = await this.#step(leader, lease);
      // The last look comes after stop was asked for: what was committed before is published.
      if (stopping && (!result.more || result.interruption !== undefined)) return await leader.end();
      if (result.interruption !== undefined) {
        if (++interruptions > MAX_INTERRUPTIONS) throw result.interruption;
        await this.#backOff(result.interruption, "the event log is away, will try again");
        continue;
      }
      interruptions = 0;
      this.#backoffMs = BACKOFF_FIRST_MS;
      if (!result.more) await this.#waitForWork(leader.nextRetryMs);
    }
  }

  /** A step; one that the database fails is tried again as long as the session lives, which remembers what was published. */
  async #step(leader: RelayLeader, lease: Lease): Promise<StepResult> {
    for (;;) {
      try {
        const fresh = await leader.step();
        if (fresh.interruption !== undefined) return fresh;
        const again = await leader.retry();
        return { ...again, published: fresh.published + again.published, more: fresh.more || again.more };
      } catch (error) {
        if (this.#stopping || error instanceof LeadershipLostError) throw error;
        lease.assert();
        await this.#backOff(error, "the outbox could not be read or written, will try again");
        lease.assert();
      }
    }
  }

  /** Waits for a kick, at most for a poll interval; not at all when a kick came since the last look. */
  async #waitForWork(atMostMs: number): Promise<void> {
    if (this.#kicked) return;
    this.#wake = Promise.withResolvers<void>();
    await this.#pauses.wait(Math.min(this.#options.pollMs, atMostMs), this.#wake.promise);
  }

  /** Jitter, so that replicas do not come back to a recovering database together. */
  async #backOff(error: unknown, message: string): Promise<void> {
    const ms = this.#backoffMs * (0.5 + Math.random() / 2);
    this.#options.logger.warn({ err: error, retryMs: Math.round(ms) }, message);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
    // A kick does not shorten it: writers must not turn a back-off into a busy loop.
    await this.#pauses.wait(ms);
  }
}
