import type { Sql } from "../db/pool.ts";
import type { Session } from "../db/session.ts";
import type { EventLog } from "../log/log.ts";
import type { Logger } from "../metrics/logger.ts";
import { relayStep } from "./step.ts";

/** Key of the session advisory lock that makes one relay the leader: "AERL" in ASCII. */
const LEADER_LOCK = 0x41_45_52_4c;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 5_000;

export interface RelayOptions {
  /** Opens the session that will hold the leader's lock; `onLost` is told when it drops. */
  openSession(onLost: () => void): Promise<Session>;
  readonly log: EventLog;
  readonly logger: Logger;
  /** Events published and marked together. */
  readonly batch: number;
  /** Milliseconds between looks into the outbox, and between tries to become leader. */
  readonly pollMs: number;
}

/**
 * Moves committed events from the outbox to the log: one leader by session advisory lock, the others stand by.
 * `stopped` before start and after stop, `standby` while another leads or the database is away, else `leading`.
 */
export class Relay {
  state: "stopped" | "standby" | "leading" = "stopped";
  readonly #options: RelayOptions;
  #stopping = false;
  #done: Promise<void> | undefined;
  /** Resolved by a kick; a new one for each wait. */
  #wake = Promise.withResolvers<void>();
  #kicked = false;
  /** Resolved by stop. */
  #stop = Promise.withResolvers<void>();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Starts the loop in the background; it survives a database that is away. */
  start(): void {
    if (this.#done !== undefined) return;
    this.#stopping = false;
    this.#stop = Promise.withResolvers<void>();
    this.state = "standby";
    this.#done = this.#run();
  }

  /** Says that something was committed: the leader looks at once. Costs nothing when it is at work already. */
  kick(): void {
    this.#kicked = true;
    this.#wake.resolve();
  }

  /** Publishes what is committed, then hands over leadership. Resolves when the loop has ended; safe twice. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stop.resolve();
    await this.#done;
    this.#done = undefined;
    this.state = "stopped";
  }

  async #run(): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS;
    while (!this.#stopping) {
      try {
        const session = await this.#options.openSession(() => this.kick());
        try {
          await this.#follow(session, () => {
            backoffMs = BACKOFF_FIRST_MS;
          });
        } finally {
          this.state = "standby";
          await session.close();
        }
      } catch (error) {
        if (this.#stopping) return;
        this.#options.logger.warn({ err: error, retryMs: backoffMs }, "relay interrupted, will try again");
        // Jitter, so that replicas do not come back to a recovering database together.
        await this.#pause(backoffMs * (0.5 + Math.random() / 2));
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      }
    }
  }

  /** Waits to become leader, then leads until told to stop. Throws when the session or the log fails. */
  async #follow(session: Session, succeeded: () => void): Promise<void> {
    for (let isFirst = true; !(await tryLead(session)); isFirst = false) {
      succeeded();
      if (isFirst) this.#options.logger.info("another server's relay leads, this one stands by");
      if (this.#stopping) return;
      await this.#pause(this.#options.pollMs);
    }
    this.state = "leading";
    this.#options.logger.info("relay leads");
    for (;;) {
      const stopping = this.#stopping;
      this.#kicked = false;
      const { more } = await relayStep(session, this.#options.log, this.#options.batch);
      succeeded();
      // The last look comes after stop was asked for: what was committed before is published.
      if (!more && stopping) return;
      if (!more) await this.#waitForWork();
    }
  }

  /** Waits for a kick, at most for a poll interval; not at all when a kick came since the last look. */
  async #waitForWork(): Promise<void> {
    if (this.#kicked) return;
    this.#wake = Promise.withResolvers<void>();
    await this.#pause(this.#options.pollMs, this.#wake.promise);
  }

  /** Waits, or until stop. A kick does not shorten it: writers must not turn a back-off into a busy loop. */
  async #pause(ms: number, orUntil?: Promise<void>): Promise<void> {
    const elapsed = Promise.withResolvers<void>();
    const timer = setTimeout(elapsed.resolve, ms);
    await Promise.race([elapsed.promise, this.#stop.promise, ...(orUntil === undefined ? [] : [orUntil])]);
    clearTimeout(timer);
  }
}

/** Another server leads the relay of this database into a log of its own; the message is one line that says what to do. */
export class SecondLogError extends Error {
  override readonly name = "SecondLogError";
}

/** Milliseconds for which a leader that is going away is waited for, and between two looks. */
const PREDECESSOR_MS = 3_000;
const PREDECESSOR_POLL_MS = 50;

/**
 * Makes sure that nobody leads, before an in-process log is refilled: two of those would give out the same offsets.
 * @throws {SecondLogError} when somebody still leads after 3 s
 */
export async function refuseSecondLog(sql: Sql): Promise<void> {
  const session = await sql.reserve();
  try {
    const deadline = performance.now() + PREDECESSOR_MS;
    for (;;) {
      const [row] = await session<{ free: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as free`;
      if (row?.free) break;
      if (performance.now() > deadline) {
        throw new SecondLogError(
          "DATABASE_URL: another server already works on this database with an event log inside its process; " +
            "stop it, or set KAFKA_BROKERS for both",
        );
      }
      await Bun.sleep(PREDECESSOR_POLL_MS);
    }
    await session`select pg_advisory_unlock(${LEADER_LOCK})`;
  } finally {
    session.release();
  }
}

async function tryLead(session: Session): Promise<boolean> {
  const [row] = await session.sql<{ leads: boolean }[]>`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`;
  return row?.leads === true;
}
