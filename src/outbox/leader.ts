import type { EventLog } from "../log/log.ts";
import { type OutboxRow, toRecord } from "./record.ts";
import { type Aggregate, aggregateKey, plan, type Settlement, settle } from "./settle.ts";
import type { OutboxStore } from "./store.ts";

export interface LeaderOptions {
  readonly outbox: OutboxStore;
  readonly log: Pick<EventLog, "publish">;
  /** Events published and recorded together. */
  readonly batch: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly clock: () => number;
  /** Throws when the lead is lost: asked before anything is published, and after every wait for the log before anything is recorded. */
  readonly assertLeading: () => void;
  /** Told what became of each batch, once it is decided. */
  readonly settled?: (settlement: Settlement) => void;
  /** True when something was committed since the step began: then the next events are read before the step's own are recorded. */
  readonly isKicked?: () => boolean;
}

/** What one step did. */
export interface StepResult {
  readonly published: number;
  /** True when the next step has work already. */
  readonly more: boolean;
  /** Set when the log was away: nothing was charged, the same events come again. */
  readonly interruption: Error | undefined;
}

/** Milliseconds before a refused event is tried again; doubled each time. */
const RETRY_FIRST_MS = 250;
/** Milliseconds between looks at the blocked aggregates: a person may have requeued or discarded. */
const LOOK_MS = 50;
/**
 * Milliseconds for which a pass through a backlog goes on behind the last id that was read. It skips what the pass itself has
 * published, and what committed late with a lower id waits so long at most.
 */
const PASS_MS = 250;
/** Blocked aggregates tried in one go, so that many of them do not hold up those that flow. */
const RETRIES = 20;

interface Lane extends Aggregate {
  /** On the leader's clock; Infinity behind a dead letter. */
  dueAt: number;
  delayMs: number;
  /** True until its first event was published: that one is tried alone. */
  isSuspect: boolean;
}

/**
 * The work of one term of leadership, step by step: read, publish, record. It alone knows which aggregates are blocked,
 * since nobody else blocks or unblocks any.
 *
 * A batch is recorded while the next is read. A full one is one of a pass through a backlog: while it is being published the
 * one behind it is read, and while that is published the first is recorded; never are two batches in the log's hands at once.
 * A pass that reads behind an id skips an event with a lower one that commits meanwhile, and must then not read a later event
 * of the same aggregate either. Writers of an aggregate wait for each other, so the later one got its id after that commit: a
 * pass reads no id that is higher than all that was committed when it began.
 *
 * While writers keep it busy it looks from the beginning before the last batch is recorded, and leaves out what it knows to be
 * published: so a record is in nobody's way, whichever is first.
 *
 * What was published but could not be recorded is remembered and recorded first of all when it goes on, so that a database
 * which refuses writes makes no repeats.
 */
export class RelayLeader {
  readonly #options: LeaderOptions;
  readonly #lanes = new Map<string, Lane>();
  #lookAt = 0;
  /** The batch behind the one under way, read ahead. */
  #next: ReturnType<OutboxStore["readPending"]> | undefined;
  /** On the leader's clock: when it goes back to the beginning of the outbox, however much there is. */
  #passEndsAt = 0;
  /** The last id that the pass may read behind its first batch; undefined when it was not asked, for there was no backlog. */
  #passUpTo: bigint | undefined;
  /** True when the last batch was full. */
  #isBehind = false;
  #unrecorded: Settlement[] = [];
  /** Settles when `#unrecorded` is recorded; undefined when nothing is under way. */
  #recording: Promise<void> | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** Milliseconds until an aggregate is to be tried again; Infinity when none is waiting. */
  get nextRetryMs(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) due = Math.min(due, lane.dueAt);
    return Math.max(0, due - this.#options.clock());
  }

  /** Reads which aggregates are blocked; once, before the first step. */
  async begin(): Promise<void> {
    await this.#look();
  }

  /** Publishes the next batch. Rejects when the database fails; as long as the session lives the step may be tried again. */
  async step(): Promise<StepResult> {
    const { log, batch } = this.#options;
    try {
      if (this.#recording === undefined && this.#unrecorded.length > 0) await this.#record();
      const isBeginning = this.#next === undefined;
      const reading = this.#next ?? this.#beginPass();
      if (isBeginning) {
        // Behind the mark of the batch before on the same session, so it sees it and costs no wait of its own. What it finds is
        // not used before that mark is made: else one that the database refuses would have its events published again.
        this.#next = reading;
        reading.catch(() => {});
        await this.#recording;
      }
      const rows = await reading;
      this.#next = undefined;
      const last = rows.at(-1);
      const isFull = rows.length === batch;
      this.#isBehind = isFull;
      if (isFull && last !== undefined) this.#readAhead(last.id);
      const { publish, hold } = plan(rows, (key) => this.#lanes.has(key));
      // What was read ahead asks the database nothing more: a leader that was frozen meanwhile finds out here, not after it.
      this.#options.assertLeading();
      const outcomes = publish.length === 0 ? [] : await log.publish(publish.map(toRecord));
      this.#options.assertLeading();
      const settlement = this.#settle(settle(publish, outcomes), hold);
      await this.#recording;
      if (!isAllPublished(settlement)) await this.#finish(this.#record());
      else {
        if (!isFull && this.#options.isKicked?.() === true) this.#readBeforeRecord();
        this.#record().catch(() => {});
      }
      // Behind an id that was read, an event with a lower one may have committed: only a look from the beginning is the last.
      const more = isFull || !isBeginning;
      return { published: settlement.published.length, more, interruption: settlement.interruption };
    } catch (error) {
      await this.#recording?.catch(() => {});
      this.#recording = undefined;
      await this.#dropAhead();
      throw error;
    }
  }

  /** Tries one event of each aggregate whose time has come, and on success what is held behind it. */
  async retry(): Promise<StepResult> {
    const { clock } = this.#options;
    const total = { published: 0, more: false, interruption: undefined as Error | undefined };
    if (this.#lanes.size === 0) return total;
    if (this.#recording !== undefined) await this.#finish(this.#recording);
    if (clock() >= this.#lookAt + LOOK_MS) await this.#look();
    const due = [...this.#lanes.values()].filter((lane) => lane.dueAt <= clock());
    for (const lane of due.toSorted((a, b) => a.dueAt - b.dueAt).slice(0, RETRIES)) {
      const { published, more, interruption } = await this.#retry(lane);
      total.published += published;
      total.more ||= more;
      total.interruption ??= interruption;
      if (interruption !== undefined) break;
    }
    total.more ||= due.length > RETRIES;
    return total;
  }

  /** Waits until all that was published is recorded. */
  async end(): Promise<void> {
    if (this.#recording !== undefined || this.#unrecorded.length > 0) {
      await this.#finish(this.#recording ?? this.#record());
    }
    await this.#dropAhead();
  }

  async #retry(lane: Lane): Promise<StepResult> {
    const { outbox, log, batch } = this.#options;
    const rows = await outbox.readHeld(lane, lane.isSuspect ? 1 : batch);
    if (rows.length === 0) {
      if (await outbox.unblock(lane)) this.#lanes.delete(aggregateKey(lane));
      return { published: 0, more: false, interruption: undefined };
    }
    this.#options.assertLeading();
    const outcomes = await log.publish(rows.map(toRecord), { apart: lane.isSuspect });
    this.#options.assertLeading();
    const { published, refused, interruption } = this.#settle(settle(rows, outcomes), []);
    await this.#finish(this.#record());
    if (refused.length === 0 && interruption === undefined) {
      lane.isSuspect = false;
      lane.delayMs = RETRY_FIRST_MS;
    }
    return { published: published.length, more: refused.length === 0 && interruption === undefined, interruption };
  }

  /** Notes what is to be recorded, and which aggregates are blocked from now on. */
  #settle(settlement: Settlement, hold: Settlement["held"]): Settlement {
    const whole = { ...settlement, held: [...settlement.held, ...hold] };
    for (const { row } of settlement.refused) this.#block(row);
    this.#unrecorded.push(whole);
    this.#options.settled?.(whole);
    return whole;
  }

  #block({ tenant_id, aggregate_id }: Aggregate): void {
    const key = aggregateKey({ tenant_id, aggregate_id });
    const lane = this.#lanes.get(key) ?? this.#newLane({ tenant_id, aggregate_id });
    lane.dueAt = this.#options.clock() + lane.delayMs;
    lane.delayMs *= 2;
    lane.isSuspect = true;
    this.#lanes.set(key, lane);
  }

  /** Compares what we know of the blocked aggregates with what is stored. */
  async #look(): Promise<void> {
    const now = this.#options.clock();
    const stored = await this.#options.outbox.readBlocked();
    this.#lookAt = now;
    for (const { dead, tenant_id, aggregate_id } of stored) {
      const key = aggregateKey({ tenant_id, aggregate_id });
      const lane = this.#lanes.get(key) ?? this.#newLane({ tenant_id, aggregate_id });
      if (dead) lane.dueAt = Number.POSITIVE_INFINITY;
      else if (lane.dueAt === Number.POSITIVE_INFINITY) Object.assign(lane, this.#newLane(lane));
      this.#lanes.set(key, lane);
    }
  }

  /** Due at once. */
  #newLane({ tenant_id, aggregate_id }: Aggregate): Lane {
    const dueAt = this.#options.clock();
    return { tenant_id, aggregate_id, dueAt, delayMs: RETRY_FIRST_MS, isSuspect: true };
  }

  /** Reads from the beginning of the outbox. */
  async #beginPass(): Promise<OutboxRow[]> {
    const { outbox, batch, clock } = this.#options;
    this.#passEndsAt = clock() + PASS_MS;
    this.#passUpTo = undefined;
    // Asked before the first batch is read, on the same session: see the class.
    const newest = this.#isBehind ? outbox.newestId() : undefined;
    const [rows, id] = await Promise.all([outbox.readPending(batch, "0"), newest]);
    if (id !== undefined) this.#passUpTo = BigInt(id);
    return rows;
  }

  #readAhead(after: string): void {
    const { outbox, batch, clock } = this.#options;
    if (this.#passUpTo === undefined || BigInt(after) >= this.#passUpTo || clock() >= this.#passEndsAt) return;
    this.#next = outbox.readPending(batch, after, `${this.#passUpTo}`);
    this.#next.catch(() => {});
  }

  /** Like the beginning of a pass, but on the session before the record of what was published, which is left out by its ids. */
  #readBeforeRecord(): void {
    const { outbox, batch } = this.#options;
    const known = new Set(this.#unrecorded.flatMap(({ published }) => published.map(({ row }) => row.id)));
    this.#passUpTo = undefined;
    this.#next = outbox
      .readPending(batch + known.size, "0")
      .then((rows) => rows.filter(({ id }) => !known.has(id)).slice(0, batch));
    this.#next.catch(() => {});
  }

  /** What was read ahead cannot be used: it was read before we knew that an event in front of it failed. */
  async #dropAhead(): Promise<void> {
    const ahead = this.#next;
    this.#next = undefined;
    await ahead?.catch(() => {});
  }

  #record(): Promise<void> {
    this.#recording = this.#recordAll();
    return this.#recording;
  }

  /** What is settled meanwhile is recorded by the next call: whoever waits for this one waits for no more than it had. */
  async #recordAll(): Promise<void> {
    for (const settlement of [...this.#unrecorded]) {
      await this.#options.outbox.record(settlement);
      this.#unrecorded.shift();
    }
  }

  async #finish(recording: Promise<void>): Promise<void> {
    try {
      await recording;
    } finally {
      this.#recording = undefined;
      await this.#dropAhead();
    }
  }
}

/** Then it is recorded by one statement, and what is read behind that on the same session sees it. */
function isAllPublished({ refused, held, left }: Settlement): boolean {
  return refused.length + held.length + left.length === 0;
}
