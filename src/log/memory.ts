import {
  type EventLog,
  type LogRecord,
  NotPublishedError,
  OffsetOutOfRangeError,
  type OutgoingRecord,
  type PublishOutcome,
  type RecordPosition,
  RecordRefusedError,
  type Watermarks,
} from "./log.ts";
import { partitionOf } from "./partitioner.ts";
import type { OffsetVector } from "./vector.ts";

export interface MemoryLogOptions {
  readonly topic: string;
  readonly partitions: number;
  /** Records kept, all partitions together; older ones are forgotten first. */
  readonly capacity: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Bytes of a value at most, as Kafka has it by default: what works here works there. */
const MAX_VALUE_BYTES = 1_000_000;

/** Records handed to a reader at once at most, so that one that is far behind does not hold up the others. */
const READ_BATCH = 500;

/**
 * The event log of one process, for development and small installations: partitions, offsets and a tail as a Kafka
 * topic has them. It forgets everything at the end of the process; `restore` refills it from the outbox.
 */
export class MemoryLog implements EventLog {
  readonly topic: string;
  readonly #options: MemoryLogOptions;
  /** Order of arrival over all partitions; `#first` is the arrival number of its first record. */
  #records: LogRecord[] = [];
  #first = 0;
  readonly #low: number[];
  readonly #high: number[];
  #stopped = false;
  /** Wakes every waiting reader; replaced each time. */
  #arrival = Promise.withResolvers<void>();

  constructor(options: MemoryLogOptions) {
    this.topic = options.topic;
    this.#options = options;
    this.#low = new Array<number>(options.partitions).fill(0);
    this.#high = new Array<number>(options.partitions).fill(0);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
  }

  /**
   * Puts back records of an earlier process at the offsets they had, oldest first. Only before anything was published.
   * @param records `timestamp` and position as they were recorded when they were published
   * @param nextOffsets where each partition went on; one whose records are all too old to be put back keeps its offsets too
   * @param unrecorded how many records that process may have published without recording where: new ones begin behind
   *   them, so that a client which saw one of those is sent too much rather than too little
   */
  restore(records: readonly Omit<LogRecord, "topic">[], nextOffsets: OffsetVector, unrecorded: number): void {
    // A topic made with fewer partitions than before keeps what still has a place.
    const kept = records.filter((record) => record.partition < this.#high.length);
    const byPartition = Map.groupBy(kept, (record) => record.partition);
    for (const partition of this.#high.keys()) {
      this.#low[partition] = this.#high[partition] = nextOffsets.get(partition) ?? 0;
    }
    for (const [partition, own] of byPartition) {
      own.sort((a, b) => a.offset - b.offset);
      this.#low[partition] = own[0]?.offset ?? 0;
    }
    // The order given decides between partitions, the offsets within one.
    for (const { partition } of kept) {
      const record = byPartition.get(partition)?.shift();
      if (record !== undefined) this.#records.push({ topic: this.topic, ...record });
    }
    for (const partition of this.#high.keys()) this.#high[partition] = this.#highOf(partition) + unrecorded;
    this.#forget(this.#records.length - this.#options.capacity);
  }

  async publish(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    if (this.#stopped) return records.map(() => new NotPublishedError("the in-process event log was stopped"));
    const timestamp = this.#options.now();
    const refused = new Set<string>();
    const outcomes = records.map((record) => {
      if (refused.has(record.key)) return new NotPublishedError("an earlier record of its key was refused");
      const size = Buffer.byteLength(record.value ?? "");
      if (size <= MAX_VALUE_BYTES) return this.#append(record, timestamp);
      refused.add(record.key);
      return new RecordRefusedError(`the record has ${size} bytes, allowed are ${MAX_VALUE_BYTES}`);
    });
    const excess = this.#records.length - this.#options.capacity;
    // In chunks: moving the array for every record would cost its length each time.
    if (excess >= READ_BATCH) this.#forget(excess);
    this.#wake();
    return outcomes;
  }

  async watermarks(): Promise<Watermarks[]> {
    return this.#high.map((high, partition) => ({ partition, low: this.#low[partition] ?? 0, high }));
  }

  async offsetsAt(time: Date): Promise<OffsetVector> {
    const offsets = new Map(this.#high.map((high, partition) => [partition, high]));
    // From the newest on, so that the first of each partition is what remains.
    for (const { partition, offset, timestamp } of this.#records.toReversed())
      if (timestamp >= time.getTime()) offsets.set(partition, offset);
    return offsets;
  }

  async *read(from: OffsetVector, signal: AbortSignal): AsyncGenerator<LogRecord[]> {
    let next = this.#seek(from);
    let reachedEnd = false;
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted && !this.#stopped) {
        if (next < this.#first) {
          throw new OffsetOutOfRangeError(`${this.#first - next} records were forgotten before they were read`);
        }
        // Taken before the look at the records: what arrives after it wakes us.
        const arrival = this.#arrival.promise;
        const batch = this.#records.slice(next - this.#first, next - this.#first + READ_BATCH);
        next += batch.length;
        const wanted = batch.filter((record) => record.offset >= (from.get(record.partition) ?? 0));
        if (wanted.length > 0) yield wanted;
        else if (batch.length === 0 && !reachedEnd) {
          reachedEnd = true;
          yield [];
        } else if (batch.length === 0) await arrival;
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  #append(record: OutgoingRecord, timestamp: number): RecordPosition {
    const partition = partitionOf(record.key, this.#high.length);
    const offset = this.#highOf(partition);
    this.#high[partition] = offset + 1;
    const position = { partition, offset, timestamp };
    this.#records.push({
      topic: this.topic,
      ...position,
      key: record.key,
      value: record.value,
      headers: record.headers,
    });
    return position;
  }

  /** Arrival number of the first record that a reader at these offsets has not seen. */
  #seek(offsets: OffsetVector): number {
    for (const [partition, high] of this.#high.entries()) {
      const wanted = offsets.get(partition) ?? 0;
      const low = this.#low[partition] ?? 0;
      if (wanted < low || wanted > high) {
        throw new OffsetOutOfRangeError(`offset ${wanted} of partition ${partition} is not between ${low} and ${high}`);
      }
    }
    const index = this.#records.findIndex((record) => record.offset >= (offsets.get(record.partition) ?? 0));
    return this.#first + (index === -1 ? this.#records.length : index);
  }

  #forget(count: number): void {
    if (count <= 0) return;
    for (const record of this.#records.splice(0, count)) this.#low[record.partition] = record.offset + 1;
    this.#first += count;
  }

  #highOf(partition: number): number {
    return this.#high[partition] ?? 0;
  }

  #wake(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers<void>();
  }
}
