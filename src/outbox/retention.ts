import type { Sql } from "../db/pool.ts";
import type { Logger } from "../metrics/logger.ts";
import { asRelay } from "./sql.ts";

/** Milliseconds between runs. */
const INTERVAL_MS = 60_000;
/** Rows looked at and deleted in one transaction: 10 to 20 ms. */
const BATCH = 1_000;
/** Key of the advisory lock under which one server deletes at a time: "AERT" in ASCII. */
export const RETENTION_LOCK = 0x41_45_52_54;
/** Milliseconds between batches, so that deleting an old backlog leaves the database to those who work with it. */
const PAUSE_MS = 20;

export interface RetentionOptions {
  readonly sql: Sql;
  readonly logger: Logger;
  /** Hours for which published and discarded events are kept. */
  readonly hours: number;
}

/** Deletes published and discarded events when their time is over, in small batches. What is not published stays, however old. */
export class OutboxRetention {
  readonly #options: RetentionOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stop = new AbortController();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Runs now and then every minute, in the background. */
  start(): void {
    this.#stop = new AbortController();
    const run = () => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    };
    this.#timer ??= setInterval(run, INTERVAL_MS);
    run();
  }

  /** Stops, after the batch under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { sql, hours, logger } = this.#options;
    try {
      const deleted = await deleteExpired(sql, hours, this.#stop.signal);
      if (deleted > 0) logger.info({ deleted, hours }, "published events deleted, their retention time is over");
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      logger.warn({ err: error }, "published events could not be deleted, will try again");
    }
  }
}

/**
 * Deletes what has been published or discarded for longer than `hours` by the database's clock. Goes through the table by
 * id, oldest first, and ends at the first batch that has nothing to delete and something that is too young: so it needs no
 * index on a time, which every mark would have to write to, and never reads the whole table. Where another server is at it, it
 * ends: two that delete the same rows in different batches would wait for each other.
 * @returns how many rows were deleted
 */
export async function deleteExpired(sql: Sql, hours: number, signal?: AbortSignal, batch = BATCH): Promise<number> {
  let total = 0;
  for (let after = "0"; !signal?.aborted; ) {
    const { last, deleted, young } = await deleteBatch(sql, hours, after, batch);
    total += deleted;
    if (last === null || (deleted === 0 && young > 0)) break;
    after = last;
    await Bun.sleep(PAUSE_MS);
  }
  return total;
}

interface BatchResult {
  /** Highest id looked at; null at the end of the table. */
  last: string | null;
  deleted: number;
  /** Rows that will have to be deleted, but not yet. */
  young: number;
}

async function deleteBatch(sql: Sql, hours: number, after: string, batch: number): Promise<BatchResult> {
  const [row] = await asRelay(
    sql,
    (tx) => tx<BatchResult[]>`
      with alone as materialized (
        select pg_try_advisory_xact_lock(${RETENTION_LOCK}) as is_alone
      ), looked as (
        select id, coalesce(published_at, discarded_at) as ended_at from outbox_events
        where (select is_alone from alone) and id > ${after}::bigint order by id limit ${batch}
      ), deleted as (
        delete from outbox_events
        where id in (select id from looked where ended_at < now() - ${hours} * interval '1 hour') returning id
      )
      select max(id) as last, (select count(*)::int from deleted) as deleted,
        count(*) filter (where ended_at >= now() - ${hours} * interval '1 hour')::int as young
      from looked`,
  );
  return row ?? { last: null, deleted: 0, young: 0 };
}
