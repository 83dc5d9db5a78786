/**
 * A model of what the relay works with, for `protocol.test.ts`: a database with an outbox, transactions and the leader's
 * lock, and a log that can refuse, fail half-way and be away. Every answer is a point at which anything else may happen.
 */

import {
  NotPublishedError,
  type OutgoingRecord,
  type PublishOptions,
  type PublishOutcome,
  RecordRefusedError,
} from "../../src/log/log.ts";
import { type LeaderOptions, RelayLeader } from "../../src/outbox/leader.ts";
import { LeadershipLostError } from "../../src/outbox/lease.ts";
import type { OutboxRow } from "../../src/outbox/record.ts";
import { type Aggregate, aggregateKey } from "../../src/outbox/settle.ts";
import { type BlockedAggregate, MAX_TRIES, type OutboxStore } from "../../src/outbox/store.ts";

const TENANT = "tenant";

interface Row {
  readonly id: number;
  readonly aggregate: string;
  /** Counts up from 1 in each aggregate. */
  readonly version: number;
  readonly isPoison: boolean;
  isCommitted: boolean;
  isRolledBack: boolean;
  publishedAt: number | undefined;
  held: boolean;
  tries: number;
  dead: boolean;
  discarded: boolean;
}

/** A session with the database; the one that holds the lock leads. */
interface Session {
  isOpen: boolean;
}

class ConnectionLostError extends Error {}
class RefusedWriteError extends Error {}
class CrashError extends Error {}

/** One event as it stands in the log. */
export interface Logged {
  readonly aggregate: string;
  readonly version: number;
}

export class World {
  readonly rows: Row[] = [];
  readonly log: Logged[] = [];
  readonly #blocked = new Map<string, BlockedAggregate>();
  #lockedBy: Session | undefined;
  #clock = 0;
  /** Calls for which the log is away. */
  logAway = 0;
  /** Writes that the database refuses, as with a full disk. */
  writesRefused = 0;
  /** A poison event is taken from now on: the topic's limit was raised. */
  isCured = false;

  /** @param pause a point at which anything else may happen */
  constructor(readonly pause: () => Promise<void>) {}

  // --- the writers ---

  /** Begins a transaction that appends an event; undefined while another one holds the aggregate's lock. */
  begin(aggregate: string, isPoison: boolean): Row | undefined {
    const own = this.rows.filter((row) => row.aggregate === aggregate && !row.isRolledBack);
    if (own.some((row) => !row.isCommitted)) return undefined;
    const row = {
      id: this.rows.length + 1,
      aggregate,
      version: own.length + 1,
      isPoison,
      isCommitted: false,
      isRolledBack: false,
      publishedAt: undefined,
      held: false,
      tries: 0,
      dead: false,
      discarded: false,
    };
    this.rows.push(row);
    return row;
  }

  /** Undoes an event that was begun; its id is never used again, its version is. */
  rollback(row: Row): void {
    row.isRolledBack = true;
  }

  /** A person decides about the first dead letter. */
  decide(action: "requeue" | "discard"): void {
    const row = this.rows.find((one) => one.dead && !one.discarded);
    if (row === undefined) return;
    if (action === "discard") row.discarded = true;
    else Object.assign(row, { dead: false, tries: 0 });
    const aggregate = { tenant_id: TENANT, aggregate_id: row.aggregate };
    this.#blocked.set(aggregateKey(aggregate), { ...aggregate, dead: false });
  }

  /** Ends the leader's session; the leader itself finds out when it next asks the database. */
  loseSession(): void {
    if (this.#lockedBy !== undefined) this.#lockedBy.isOpen = false;
    this.#lockedBy = undefined;
  }

  /** Runs a server's relay for a number of steps, or until it crashes. */
  async serve(server: { isCrashed: boolean }, steps: number, batch: number): Promise<void> {
    try {
      let left = steps;
      while (left > 0) {
        left--;
        await this.#point(server);
        if (this.#lockedBy !== undefined) continue;
        const session = { isOpen: true };
        this.#lockedBy = session;
        try {
          left = await this.#lead(server, session, left, batch);
        } catch (error) {
          // As the real relay does, which begins anew with another session.
          if (error instanceof CrashError) throw error;
        } finally {
          if (this.#lockedBy === session) this.#lockedBy = undefined;
          session.isOpen = false;
        }
      }
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
  }

  async #lead(server: { isCrashed: boolean }, session: Session, steps: number, batch: number): Promise<number> {
    const options: LeaderOptions = {
      outbox: this.#outbox(server, session),
      log: { publish: (records, how) => this.#publish(server, records, how) },
      batch,
      clock: () => this.#clock,
      assertLeading: () => {
        if (!session.isOpen) throw new LeadershipLostError("lost");
      },
      // Every other step is one in which commits come.
      isKicked: () => (this.#clock / 1_000) % 2 === 0,
    };
    const leader = new RelayLeader(options);
    await leader.begin();
    for (let left = steps; left > 0; left--) {
      this.#clock += 1_000;
      try {
        const { interruption } = await leader.step();
        if (interruption === undefined) await leader.retry();
      } catch (error) {
        if (error instanceof RefusedWriteError && session.isOpen) continue;
        throw error;
      }
    }
    for (;;) {
      try {
        await leader.end();
        return 0;
      } catch (error) {
        if (!(error instanceof RefusedWriteError) || !session.isOpen) throw error;
      }
    }
  }

  // --- the database, as the leader sees it ---

  #outbox(server: { isCrashed: boolean }, session: Session): OutboxStore {
    // One connection works on its statements in the order in which they were sent.
    let before: Promise<unknown> = Promise.resolve();
    /** A statement: it takes effect or not, and its answer comes or is lost. */
    const statement = async <T>(effect: () => T): Promise<T> => {
      const run = before.then(async () => {
        await this.#point(server);
        if (!session.isOpen) throw new ConnectionLostError();
        return effect();
      });
      before = run.catch(() => {});
      const answer = await run;
      await this.#point(server);
      if (!session.isOpen) throw new ConnectionLostError();
      return answer;
    };
    const write = <T>(effect: () => T) =>
      statement(() => {
        if (this.writesRefused > 0) {
          this.writesRefused--;
          throw new RefusedWriteError();
        }
        return effect();
      });
    const visible = () => this.rows.filter((row) => row.isCommitted);
    const heldOf = (aggregate: string) =>
      visible().filter((r) => r.held && r.publishedAt === undefined && !r.discarded && r.aggregate === aggregate);
    const byId = (row: OutboxRow) => this.rows[Number(row.id) - 1];
    return {
      readPending: (limit, after, upTo = "Infinity") =>
        statement(() =>
          visible()
            .filter((row) => row.publishedAt === undefined && !row.held)
            .filter((row) => row.id > Number(after) && row.id <= Number(upTo))
            .slice(0, limit)
            .map(toOutboxRow),
        ),
      newestId: () => statement(() => `${visible().at(-1)?.id ?? 0}`),
      readBlocked: () => statement(() => [...this.#blocked.values()].map((one) => ({ ...one }))),
      readHeld: (aggregate, limit) => statement(() => heldOf(aggregate.aggregate_id).slice(0, limit).map(toOutboxRow)),
      unblock: (aggregate: Aggregate) =>
        write(() => heldOf(aggregate.aggregate_id).length === 0 && this.#blocked.delete(aggregateKey(aggregate))),
      // One statement after the other, as the real one does it.
      record: async ({ refused, held, published }) => {
        for (const { row } of refused) {
          await write(() => {
            const stored = byId(row);
            if (stored === undefined || stored.tries !== row.retry_count) return;
            if (stored.publishedAt !== undefined || stored.discarded) return;
            Object.assign(stored, { held: true, tries: stored.tries + 1, dead: stored.tries + 1 >= MAX_TRIES });
            const aggregate = { tenant_id: TENANT, aggregate_id: stored.aggregate };
            this.#blocked.set(aggregateKey(aggregate), { ...aggregate, dead: stored.dead });
          });
        }
        if (held.length > 0) {
          await write(() => {
            for (const row of held) {
              const stored = byId(row);
              if (stored !== undefined && stored.publishedAt === undefined) stored.held = true;
            }
          });
        }
        if (published.length > 0) {
          await write(() => {
            for (const { row, position } of published) {
              const stored = byId(row);
              if (stored !== undefined) stored.publishedAt ??= position.offset;
            }
          });
        }
      },
    };
  }

  // --- the log ---

  /** Keeps the contract of EventLog.publish: of each key a prefix, whatever happens in between. */
  async #publish(
    server: { isCrashed: boolean },
    records: readonly OutgoingRecord[],
    _: PublishOptions | undefined,
  ): Promise<PublishOutcome[]> {
    await this.#point(server);
    const failed = new Set<string>();
    const outcomes: PublishOutcome[] = [];
    for (const record of records) {
      const { version, isPoison } = JSON.parse(record.value ?? "") as Row;
      if (this.logAway > 0) {
        this.logAway--;
        failed.add(record.key);
        outcomes.push(new NotPublishedError("away"));
      } else if (failed.has(record.key)) {
        outcomes.push(new NotPublishedError("behind"));
      } else if (isPoison && !this.isCured) {
        failed.add(record.key);
        outcomes.push(new RecordRefusedError("poison"));
      } else {
        this.log.push({ aggregate: record.key, version });
        outcomes.push({ partition: 0, offset: this.log.length - 1, timestamp: 0 });
      }
      // A leader that crashes, or is overtaken, half-way through a batch.
      await this.#point(server);
    }
    return outcomes;
  }

  async #point(server: { isCrashed: boolean }): Promise<void> {
    await this.pause();
    if (server.isCrashed) throw new CrashError();
  }
}

function toOutboxRow(row: Row): OutboxRow {
  return {
    id: `${row.id}`,
    event_id: `${row.aggregate}:${row.version}`,
    tenant_id: TENANT,
    type: "Changed",
    aggregate_type: "Thing",
    aggregate_id: row.aggregate,
    payload: JSON.stringify({ version: row.version, isPoison: row.isPoison }),
    traceparent: null,
    occurred_at: new Date(0),
    retry_count: row.tries,
  };
}
