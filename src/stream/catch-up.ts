import { type EventLog, OffsetOutOfRangeError } from "../log/log.ts";
import { covers, formatVector, type OffsetVector } from "../log/vector.ts";
import { type Client, maySee } from "./client.ts";
import { encodeFrame, encodeNamed, type Frame, frameAt, joinChunks } from "./frame.ts";
import type { Ring } from "./ring.ts";
import { LOOK_BACK, SeenEvents } from "./seen.ts";

/** Events that a client whose position is unknown is sent after a reset. */
export const RESET_EVENTS = 500;
/** Frames sent before the client's queue is looked at again. */
const PIECE = 100;

/**
 * Brings one client from where it stopped to where the ring stands, without gap or repeat, then lets it join the live
 * ones: from the ring, else from the log, else by a reset and the newest events. Never faster than the client takes them.
 * @param ring the hub's ring at the time of the call
 * @param join called in the same turn of the event loop in which the last missing frame was queued; `ahead` is set when
 *   the client has seen more of some partition than we have
 */
export async function catchUp(
  client: Client,
  from: OffsetVector | "unknown",
  log: EventLog,
  ring: () => Ring,
  join: (ahead: Map<number, number> | undefined) => void,
): Promise<void> {
  let position = from === "unknown" || !(await reaches(log, from)) ? reset(client, ring()) : new Map(from);
  for (;;) {
    await client.room();
    if (client.signal.aborted) return;
    if (!ring().holds(position)) {
      try {
        await readFromLog(client, position, log, ring);
      } catch (error) {
        if (!(error instanceof OffsetOutOfRangeError)) throw error;
        position = reset(client, ring());
      }
      continue;
    }
    const frames = ring().after(position, PIECE);
    if (frames.length === 0) return join(covers(ring().head, position) ? undefined : position);
    sendFrom(client, position, frames);
  }
}

/** False when the position lies behind the end of the log: then it belongs to another log, such as one that was deleted. */
async function reaches(log: EventLog, position: OffsetVector): Promise<boolean> {
  const marks = await log.watermarks();
  return covers(new Map(marks.map(({ partition, high }) => [partition, high])), position);
}

/** Tells the client to forget what it has; the newest events follow. */
function reset(client: Client, ring: Ring): Map<number, number> {
  const position = new Map(ring.before(RESET_EVENTS));
  client.send(encodeNamed("reset", formatVector(position), JSON.stringify({ newest: RESET_EVENTS })));
  return position;
}

/** Sends from the log itself until the ring holds what is still missing. */
async function readFromLog(
  client: Client,
  position: Map<number, number>,
  log: EventLog,
  ring: () => Ring,
): Promise<void> {
  const seen = new SeenEvents();
  for await (const batch of log.read(await lookBack(log, position), client.signal)) {
    for (let at = 0; at < batch.length; at += PIECE) {
      await client.room();
      const fresh = batch.slice(at, at + PIECE).filter((record) => {
        const isRepeat = seen.repeats(record.headers.ce_id);
        const isNew = record.offset >= (position.get(record.partition) ?? 0);
        if (isNew && isRepeat) position.set(record.partition, record.offset + 1);
        return isNew && !isRepeat;
      });
      sendFrom(
        client,
        position,
        fresh.map((record) => encodeFrame(record, "")),
      );
    }
    if (ring().holds(position)) return;
  }
}

/** Where to begin, so that an event is known whose repeat stands behind `position`. What is gone is an error all the same. */
async function lookBack(log: EventLog, position: OffsetVector): Promise<OffsetVector> {
  const marks = await log.watermarks();
  return new Map(
    marks.map(({ partition, low }) => {
      const wanted = position.get(partition) ?? 0;
      return [partition, wanted < low ? wanted : Math.max(low, wanted - LOOK_BACK)];
    }),
  );
}

/** Sends the frames that the client may see, and moves the client's own position on. */
function sendFrom(client: Client, position: Map<number, number>, frames: readonly Frame[]): void {
  const chunks: Uint8Array[] = [];
  for (const frame of frames) {
    position.set(frame.partition, frame.offset + 1);
    if (maySee(client.viewer, frame.tenantId)) chunks.push(frameAt(frame, position));
  }
  if (chunks.length > 0) client.send(joinChunks(chunks));
}
