import type { LogRecord } from "../log/log.ts";
import type { OffsetVector } from "../log/vector.ts";

/** Merges records of several partitions by timestamp; within a partition the order given stands, whatever the clocks said. */
export function mergeByTime(records: readonly LogRecord[]): LogRecord[] {
  const merge = new TimeMerge(new Map());
  merge.push(records);
  return merge.take();
}

/** Records that wait for those of another partition at most: a partition may be far ahead of the others in what the broker sends. */
const PENDING = 5_000;

/** Merges what a log hands out partition by partition into the order of time, as it comes. */
export class TimeMerge {
  readonly #ends: Map<number, number>;
  readonly #queues = new Map<number, { own: LogRecord[]; at: number }>();
  #size = 0;

  /**
   * @param ends offset up to which each partition has records that are to be merged; from there on it is not waited for
   * @param starts where each partition begins to be read
   * @param pending records kept back at most
   */
  constructor(
    ends: OffsetVector,
    starts: OffsetVector = new Map(),
    readonly pending = PENDING,
  ) {
    this.#ends = new Map(ends);
    for (const [partition, end] of ends) if (end <= (starts.get(partition) ?? 0)) this.#ends.delete(partition);
  }

  push(records: readonly LogRecord[]): void {
    for (const record of records) {
      const { partition, offset } = record;
      const queue = this.#queues.get(partition);
      if (queue === undefined) this.#queues.set(partition, { own: [record], at: 0 });
      else queue.own.push(record);
      if (offset + 1 >= (this.#ends.get(partition) ?? 0)) this.#ends.delete(partition);
    }
    this.#size += records.length;
  }

  /** The end was reached: no partition is waited for any more. */
  finish(): void {
    this.#ends.clear();
  }

  /** True when no partition is waited for any more. */
  get isFinished(): boolean {
    return this.#ends.size === 0;
  }

  /** The records whose turn it is. */
  take(): LogRecord[] {
    const taken: LogRecord[] = [];
    while (this.#size > 0 && (this.#size > this.pending || this.#isNobodyMissing())) {
      const record = this.#shiftFirst();
      if (record === undefined) break;
      taken.push(record);
    }
    return taken;
  }

  #isNobodyMissing(): boolean {
    for (const partition of this.#ends.keys()) if (!this.#queues.has(partition)) return false;
    return true;
  }

  #shiftFirst(): LogRecord | undefined {
    let first: { own: LogRecord[]; at: number } | undefined;
    for (const queue of this.#queues.values()) {
      if (first === undefined || timeOf(queue) < timeOf(first)) first = queue;
    }
    const record = first?.own[first.at];
    if (first === undefined || record === undefined) return undefined;
    first.at += 1;
    this.#size -= 1;
    if (first.at === first.own.length) this.#queues.delete(record.partition);
    return record;
  }
}

function timeOf(queue: { own: LogRecord[]; at: number }): number {
  return queue.own[queue.at]?.timestamp ?? Number.POSITIVE_INFINITY;
}
