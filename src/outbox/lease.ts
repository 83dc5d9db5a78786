import type { Session } from "../db/session.ts";

/** The leader's session is gone, or was silent for too long: nothing may be published or recorded on its behalf any more. */
export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

/**
 * Ends the lead of a leader that is frozen, or whose machine is gone without a word; else it would hold the lock for ever.
 * The database ends a session on which nothing was said for so long, which frees the lock; a living leader speaks four
 * times as often. One that wakes up knows by its own clock that it slept, before it says anything.
 */
export class Lease {
  readonly #session: Session;
  readonly #ms: number;
  #answeredAt = performance.now();
  #timer: Timer | undefined;

  constructor(session: Session, ms: number) {
    this.#session = session;
    this.#ms = ms;
  }

  /**
   * From here on the database counts. A session is idle only between statements: one whose leader went between two messages of
   * the same statement, as the driver sends them the first time, is ended by `transaction_timeout` (PostgreSQL 17), and where
   * the machine is gone by TCP itself.
   */
  async begin(): Promise<void> {
    const [ms, seconds] = [String(this.#ms), String(Math.ceil(this.#ms / 2_000))];
    await this.#session.sql`
      select set_config(name, value, false)
      from (values ('idle_session_timeout', ${ms}), ('transaction_timeout', ${ms}), ('tcp_keepalives_idle', ${seconds}),
        ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', '3')) as wanted (name, value) join pg_settings using (name)`;
    this.#answeredAt = performance.now();
    this.#timer = setInterval(() => this.#renew(), this.#ms / 4);
  }

  /** @throws {LeadershipLostError} */
  assert(): void {
    if (this.#session.isOpen && performance.now() - this.#answeredAt <= this.#ms) return;
    throw new LeadershipLostError("the leader's database session was lost, or silent for too long");
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #renew(): void {
    // Nothing is answered any more: closing the session fails what is waiting on it.
    if (performance.now() - this.#answeredAt > this.#ms) return void this.#session.close();
    const askedAt = performance.now();
    this.#session.sql`select 1`.then(
      () => {
        this.#answeredAt = askedAt;
      },
      () => {},
    );
  }
}
