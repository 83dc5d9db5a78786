import type { Sql } from "../db/pool.ts";
import type { Logger } from "../metrics/logger.ts";

const INTERVAL_MS = 60_000;
const BATCH = 1_000;

/** Deletes expired keys, a thousand at a time, every minute. An expired key is ignored anyway; this gives its space back. */
export class KeyPruner {
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly sql: Sql,
    private readonly log: Logger,
  ) {}

  /** Starts the timer. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    }, INTERVAL_MS);
  }

  /** Stops the timer and waits for a run under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const pruned = await pruneExpiredKeys(this.sql, BATCH);
      if (pruned > 0) this.log.info({ pruned }, "expired idempotency keys deleted");
    } catch (error) {
      this.log.warn({ err: error }, "expired idempotency keys could not be deleted, will try again");
    }
  }
}

/**
 * Deletes all keys that have expired by the database's clock, in transactions of at most `batch` rows.
 * @returns how many were deleted
 */
export async function pruneExpiredKeys(sql: Sql, batch: number): Promise<number> {
  for (let total = 0; ; ) {
    const deleted = await sql.begin(async (tx) => {
      await tx`set local role aetherlink_relay`;
      return await tx`
        delete from idempotency_keys where (tenant_id, key) in (
          select tenant_id, key from idempotency_keys where expires_at <= now() order by expires_at limit ${batch}
          for update skip locked
        )`;
    });
    total += deleted.count;
    if (deleted.count < batch) return total;
  }
}
