import type { OffsetVector } from "./vector.ts";

/** A record to write. */
export interface OutgoingRecord {
  /** Decides the partition: records of one key keep their order. */
  readonly key: string;
  /** UTF-8 text, for events JSON; null is a tombstone. */
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where a record went. */
export interface RecordPosition {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, or -1 when the broker did not say. */
  readonly timestamp: number;
}

/** A record as it is read. Key and value may be null: others may write to the topic too. */
export interface LogRecord extends RecordPosition {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** The offsets that a partition can be read from: `low` is the oldest record kept, `high` the one that comes next. */
export interface Watermarks {
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

export interface ReadOptions {
  /** Note the reader's position in the log from time to time, where the log's own tools see it. It is not read back. */
  readonly notePosition?: boolean;
}

/** The log refuses this very record, such as one that is too large: sent again unchanged it would be refused again. */
export class RecordRefusedError extends Error {
  override readonly name = "RecordRefusedError";
}

/** The record was not published, and not for a fault of its own: the log is away, or an earlier record of its key failed. */
export class NotPublishedError extends Error {
  override readonly name = "NotPublishedError";
}

/** What became of a record. After either error it may be sent again; only the refused one is to blame for it. */
export type PublishOutcome = RecordPosition | RecordRefusedError | NotPublishedError;

export interface PublishOptions {
  /**
   * Publish each record on its own, so that one which is refused takes no other along: slower, for records under
   * suspicion.
   */
  readonly apart?: boolean;
}

/** A reader asked for records that are gone, or that were never there. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = "OffsetOutOfRangeError";
}

/** What can be asked of, and done to, a log that is outside of this process. All times are in milliseconds. */
export interface LogCare {
  /** Records that the reader which notes its position has still to read, as of its last fetch; undefined before that. Asks nobody. */
  lag(): number | undefined;
  /** Resolves when a broker answers; rejects when none does in time. */
  answers(timeoutMs: number): Promise<void>;
  /** Whether the topic is there. Rejects when no broker answers. */
  hasTopic(timeoutMs: number): Promise<boolean>;
  /** Creates the topic as the configuration says; false when it was there already. Rejects with the broker's reason. */
  createTopic(timeoutMs: number): Promise<boolean>;
  /** Closes the connections for writing and asking, and opens new ones. What was handed over and not acknowledged has failed. */
  reconnect(): Promise<void>;
}

/**
 * What the relay writes to and the hub reads from: a topic with partitions, offsets and a tail, as Kafka has them.
 */
export interface EventLog {
  readonly topic: string;
  /** Missing for a log inside this process, which cannot be away. */
  readonly care?: LogCare;
  /** Resolves when records can be written and read. */
  start(): Promise<void>;
  /** Flushes what was handed over, ends all readers. Safe twice. */
  stop(): Promise<void>;
  /**
   * Appends records in the order given, each to the partition of its key. Resolves when every one is as durable as the log
   * makes it, or has failed; a log that is away is waited for, for a while.
   * Within one call the records published of a key are the first ones of that key: when one fails, none behind it is
   * published. Calls must not overlap, else this holds for each alone.
   * @returns one outcome a record, in their order; does not reject
   */
  publish(records: readonly OutgoingRecord[], options?: PublishOptions): Promise<PublishOutcome[]>;
  /** Watermarks of every partition, by number. */
  watermarks(): Promise<Watermarks[]>;
  /** For every partition the offset of the first record with that timestamp or a later one; the end when there is none. */
  offsetsAt(time: Date): Promise<OffsetVector>;
  /**
   * Follows the log from an offset of each partition: batches of what is there, per partition in order; then one empty
   * batch, which says that the end was reached; then what comes, until the signal aborts.
   * The iteration throws OffsetOutOfRangeError when the offsets are not (or no longer) there.
   */
  read(from: OffsetVector, signal: AbortSignal, options?: ReadOptions): AsyncIterable<LogRecord[]>;
}
