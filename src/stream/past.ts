import type { EventLog, LogRecord } from "../log/log.ts";
import { covers, type OffsetVector } from "../log/vector.ts";
import { breathe } from "./breathe.ts";
import { Frame } from "./frame.ts";
import { TimeMerge } from "./merge.ts";
import type { Ring } from "./ring.ts";
import { SeenEvents } from "./seen.ts";

/** A piece of the past: what to send, and where a reader stands before and behind it. */
export interface Past {
  /** Oldest first. */
  readonly frames: readonly Frame[];
  readonly before: OffsetVector;
  readonly behind: OffsetVector;
}

/** How much more is read when a stretch of the log had too few matches in it. */
const STRETCH = 8;

/** The newest `limit` frames behind `from` that are wanted, when the ring knows them; undefined when only the log does. */
export function newestInRing(
  ring: Ring,
  from: OffsetVector,
  limit: number,
  wants: (frame: Frame) => boolean,
): Past | undefined {
  const frames = ring.newest(limit, (frame) => frame.offset >= (from.get(frame.partition) ?? 0) && wants(frame));
  return frames.length === limit || ring.holds(from) ? toPast(frames, ring.head) : undefined;
}

/**
 * The newest `limit` events between `from` and the end of the log that are wanted: the log cannot be read backwards, so
 * ever longer stretches of its end are read until there are enough.
 * @param first records of each partition that are read at first
 */
export async function newestInLog(
  log: EventLog,
  from: OffsetVector,
  limit: number,
  first: number,
  wants: (frame: Frame) => boolean,
  signal: AbortSignal,
): Promise<Past> {
  const marks = await log.watermarks();
  const end = new Map(marks.map(({ partition, high }) => [partition, high]));
  const lowest = new Map(marks.map(({ partition, low }) => [partition, Math.max(low, from.get(partition) ?? 0)]));
  for (let length = first; ; length *= STRETCH) {
    const start = new Map(lowest);
    for (const { partition, high } of marks) start.set(partition, Math.max(start.get(partition) ?? 0, high - length));
    const isAll = covers(lowest, start);
    const frames: Frame[] = [];
    // Before it some partition was not read, so others' records from then need not be the newest.
    let horizon = 0;
    const known = new Set<number>();
    for await (const record of finite(log, start, end, signal)) {
      const { partition, timestamp } = record;
      const isCut = (start.get(partition) ?? 0) > (lowest.get(partition) ?? 0);
      if (!known.has(partition) && isCut) horizon = Math.max(horizon, timestamp);
      known.add(partition);
      const frame = new Frame(record, "");
      if (wants(frame)) frames.push(frame);
      if (frames.length > 2 * limit) frames.splice(0, frames.length - limit);
    }
    const sure = isAll ? frames : frames.filter((frame) => frame.timestamp >= horizon);
    if (isAll || sure.length >= limit || signal.aborted) return toPast(limit === 0 ? [] : sure.slice(-limit), end);
  }
}

/** Records between two vectors, merged by time, each event once. */
async function* finite(
  log: EventLog,
  start: OffsetVector,
  end: OffsetVector,
  signal: AbortSignal,
): AsyncGenerator<LogRecord> {
  const merge = new TimeMerge(end, start);
  const seen = new SeenEvents();
  for await (const batch of log.read(start, signal)) {
    merge.push(batch.filter(({ partition, offset }) => offset < (end.get(partition) ?? 0)));
    if (batch.length === 0) merge.finish();
    for (const record of merge.take()) if (!seen.repeats(record.headers.ce_id)) yield record;
    if (merge.isFinished) return;
    await breathe();
  }
}

function toPast(frames: readonly Frame[], behind: OffsetVector): Past {
  const before = new Map(behind);
  for (const { partition, offset } of frames.toReversed()) before.set(partition, offset);
  // The ring's head goes on.
  return { frames, before, behind: new Map(behind) };
}
