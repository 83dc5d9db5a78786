import { type EventLog, type LogRecord, OffsetOutOfRangeError } from "../log/log.ts";
import { formatVector } from "../log/vector.ts";
import type { Logger } from "../metrics/logger.ts";
import { Frame } from "./frame.ts";
import { mergeByTime } from "./merge.ts";
import { Ring } from "./ring.ts";
import { LOOK_BACK, SeenEvents } from "./seen.ts";

export interface TailOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  /** Newest events kept in memory. */
  readonly capacity: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Events that are new in the ring, in its order. */
  arrived(frames: readonly Frame[]): void;
  /** The log had gone on without us: the ring begins anew at its end. */
  lost(): void;
}

/** Pause before the log is read again after it failed. */
const REREAD_MS = 500;

/** Follows the log's end: reads it once, encodes each event once, and keeps the newest. */
export class Tail {
  /** True once `caughtUp` has resolved. */
  isCaughtUp = false;
  ring = new Ring(0, new Map());
  readonly #options: TailOptions;
  #seen = new SeenEvents();
  /** Next offset of each partition to read: before the ring's head only at the very beginning. */
  #position = new Map<number, number>();
  #stop = new AbortController();
  /** Ends the reader at hand; the next goes on where it stood. */
  #reader = new AbortController();
  #done: Promise<void> | undefined;
  readonly #caughtUp = Promise.withResolvers<void>();

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** Starts to read in the background; survives a log that is away. */
  start(): void {
    if (this.#done !== undefined) return;
    this.#stop = new AbortController();
    this.#done = this.#run();
  }

  /** Resolves when the ring holds the newest events. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Opens a new reader where the old one stood: nothing is missed or shown twice. Does nothing before `start`. */
  restart(): void {
    this.#reader.abort();
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#done = undefined;
  }

  async #run(): Promise<void> {
    let isPlaced = false;
    while (!this.#stop.signal.aborted) {
      try {
        if (!isPlaced) await this.#beginAtTail();
        isPlaced = true;
        await this.#follow();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn({ err: error }, "the event log could not be read, will try again");
        // Events between our position and the tail are gone, so no client can be given them: all begin anew.
        if (error instanceof OffsetOutOfRangeError) {
          isPlaced = false;
          this.#options.lost();
        }
      }
      await this.#pause(REREAD_MS);
    }
  }

  /** Reads from where the ring stands: first what is there, in order of time over all partitions, then what comes. */
  async #follow(): Promise<void> {
    let backlog: LogRecord[] | undefined = [];
    const from = new Map(this.#position);
    this.#reader = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, this.#reader.signal]);
    for await (const batch of this.#options.log.read(from, signal, { notePosition: true })) {
      if (backlog === undefined) this.#publish(batch);
      else if (batch.length > 0) backlog.push(...batch.filter((record) => !this.#isBeforeRing(record)));
      else {
        this.#publish(mergeByTime(backlog));
        backlog = undefined;
        this.isCaughtUp = true;
        this.#caughtUp.resolve();
      }
    }
  }

  /** Waits, or until stop. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (!signal.aborted) await promise;
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
  }

  #publish(records: readonly LogRecord[]): void {
    const frames = records.flatMap((record) => this.#admit(record) ?? []);
    if (frames.length > 0) this.#options.arrived(frames);
  }

  /** True for a record that is read only to know its event, should it be repeated; it is let go of at once. */
  #isBeforeRing(record: LogRecord): boolean {
    if (record.offset >= (this.ring.head.get(record.partition) ?? 0)) return false;
    this.#position.set(record.partition, record.offset + 1);
    this.#seen.repeats(record.headers.ce_id);
    return true;
  }

  /** Takes a record into the ring; undefined when it repeats an event. */
  #admit(record: LogRecord): Frame | undefined {
    if (this.#isBeforeRing(record)) return undefined;
    this.#position.set(record.partition, record.offset + 1);
    this.ring.advance(record.partition, record.offset);
    if (this.#seen.repeats(record.headers.ce_id)) return undefined;
    // What is read at the start was written at any time before: when that was read says nothing of its way.
    const receivedAt = this.isCaughtUp ? this.#options.now() : undefined;
    const frame = new Frame(record, formatVector(this.ring.head), receivedAt);
    this.ring.push(frame);
    return frame;
  }

  async #beginAtTail(): Promise<void> {
    const marks = await this.#options.log.watermarks();
    const from = (back: number) =>
      new Map(marks.map(({ partition, low, high }) => [partition, Math.max(low, high - back)] as const));
    this.#seen = new SeenEvents();
    this.#position = from(this.#options.capacity + LOOK_BACK);
    this.ring = new Ring(this.#options.capacity, from(this.#options.capacity));
  }
}
