import type { LogRecord } from "../log/log.ts";

/** Merges records of several partitions by timestamp; within a partition the order given stands, whatever the clocks said. */
export function mergeByTime(records: readonly LogRecord[]): LogRecord[] {
  const queues = [...Map.groupBy(records, (record) => record.partition).values()].map((own) => ({ own, at: 0 }));
  const merged: LogRecord[] = [];
  while (merged.length < records.length) {
    let first: { own: LogRecord[]; at: number } | undefined;
    for (const queue of queues) {
      if (queue.at < queue.own.length && (first === undefined || timeOf(queue) < timeOf(first))) first = queue;
    }
    const record = first?.own[first.at++];
    if (record === undefined) break;
    merged.push(record);
  }
  return merged;
}

function timeOf(queue: { own: LogRecord[]; at: number }): number {
  return queue.own[queue.at]?.timestamp ?? Number.POSITIVE_INFINITY;
}
