import { type EventLog, type LogRecord, OffsetOutOfRangeError, type Watermarks } from "../log/log.ts";
import { covers, formatVector, type OffsetVector } from "../log/vector.ts";
import type { Audience } from "./audience.ts";
import { breathe } from "./breathe.ts";
import { Chunk } from "./chunk.ts";
import type { Client } from "./client.ts";
import { encodeNamed, encodePosition, Frame, joinBytes } from "./frame.ts";
import { TimeMerge } from "./merge.ts";
import type { Resumption, StreamMetrics } from "./metrics.ts";
import { newestInLog, newestInRing } from "./past.ts";
import type { Ring } from "./ring.ts";
import { LOOK_BACK, SeenEvents } from "./seen.ts";
import type { Slots } from "./slots.ts";
import type { Start } from "./start.ts";

/** Events that a client whose position is unknown is sent after a reset. */
export const RESET_EVENTS = 500;
/** Frames sent before the client's queue is looked at again, at most. */
const PIECE = 100;
/**
 * Bytes of frames after which it is looked at as well. A hundred large events are more than may wait for a client: sent in
 * one go they cut it off, and so would the same ones each time it came back.
 */
const PIECE_BYTES = 65_536;
/** Milliseconds for which a client may keep a reader of the log waiting. */
const PATIENCE_MS = 500;

/** What clients are brought up to date from. */
export interface Sources {
  readonly log: EventLog;
  /** The hub's ring at the time of the call. */
  ring(): Ring;
  /** Readers of the log, each of which is a consumer of its own with Kafka. */
  readonly readers: Slots;
  readonly metrics: StreamMetrics | undefined;
}

/**
 * Brings one client from where it begins to where the ring stands, without gap or repeat: from the ring, else from the log,
 * else by a reset and the newest events. Never faster than the client takes them.
 */
export class CatchUp {
  readonly #client: Client;
  readonly #audience: Audience;
  readonly #sources: Sources;
  /** Ends the reading of the log. */
  readonly #signal: AbortSignal;
  #position = new Map<number, number>();
  readonly #seen = new SeenEvents();
  /** A client that has seen events may have seen those whose repeats are still to come. */
  #looksBack = false;
  /** What the client is brought up to date from, by the furthest that had to be gone. */
  #from: Resumption = "ring";
  /** Records passed over since the client was last told where it stands. */
  #unsent = 0;

  constructor(client: Client, audience: Audience, sources: Sources, signal: AbortSignal) {
    this.#client = client;
    this.#audience = audience;
    this.#sources = sources;
    this.#signal = signal;
  }

  /**
   * @param join called in the same turn of the event loop in which the last missing frame was queued; `ahead` is set when
   *   the client has seen more of some partition than we have
   */
  async run(start: Start, join: (ahead: Map<number, number> | undefined) => void): Promise<void> {
    try {
      await this.#run(start, join);
    } finally {
      if (start.kind === "resume" || start.kind === "unknown") this.#sources.metrics?.resumed(this.#from);
    }
  }

  async #run(start: Start, join: (ahead: Map<number, number> | undefined) => void): Promise<void> {
    const { log, ring } = this.#sources;
    await this.#begin(start);
    while (await this.#client.room()) {
      if (!ring().holds(this.#position)) {
        try {
          await this.#sources.readers.use(() => this.#readFromLog(log));
        } catch (error) {
          if (!(error instanceof OffsetOutOfRangeError)) throw error;
          this.#reset();
        }
        continue;
      }
      const frames = ring().after(this.#position, PIECE);
      if (frames.length === 0) return join(covers(ring().head, this.#position) ? undefined : this.#position);
      const sent = this.#sendFrames(frames);
      if (sent < frames.length || sent === PIECE) await breathe();
    }
  }

  async #begin(start: Start): Promise<void> {
    const { log, ring } = this.#sources;
    if (start.kind === "unknown") return this.#reset();
    if (start.kind === "past") return await this.#beginInPast(start);
    if (start.kind === "live") {
      this.#position = new Map(ring().head);
      return;
    }
    this.#looksBack = true;
    this.#position = new Map(start.position);
    const isRecent = ring().holds(start.position) && covers(ring().head, start.position);
    // A position behind the end of the log belongs to another log, such as one that was deleted.
    if (!isRecent && !covers(highs(await log.watermarks()), start.position)) this.#reset();
  }

  async #beginInPast({ since, limit }: Start & { kind: "past" }): Promise<void> {
    const { log, ring, readers } = this.#sources;
    const from = since === undefined ? lows(await log.watermarks()) : await log.offsetsAt(since);
    this.#position = new Map(from);
    if (limit === undefined) return;
    const wants = (frame: Frame) => this.#audience.wants(frame);
    const first = Math.max(2 * limit, ring().capacity);
    const past =
      newestInRing(ring(), from, limit, wants) ??
      (await readers.use(() => newestInLog(log, from, limit, first, wants, this.#signal)));
    this.#position = new Map(past.before);
    for (let at = 0; at < past.frames.length && (await this.#client.room()); ) {
      at += this.#sendFrames(past.frames.slice(at, at + PIECE));
      await breathe();
    }
    this.#position = new Map(past.behind);
  }

  /** Tells the client to forget what it has; the newest events follow. */
  #reset(): void {
    this.#from = "reset";
    this.#position = new Map(this.#sources.ring().before(RESET_EVENTS, (frame) => this.#audience.wants(frame)));
    const data = JSON.stringify({ newest: RESET_EVENTS });
    this.#client.send(new Chunk(encodeNamed("reset", formatVector(this.#position), data)));
  }

  /** Sends from the log itself until the ring holds what is still missing, or the client is too slow for now. */
  async #readFromLog(log: EventLog): Promise<void> {
    const { ring } = this.#sources;
    // Waiting for the reader took its time.
    if (this.#client.isEnded || ring().holds(this.#position)) return;
    if (this.#from === "ring") this.#from = "log";
    const marks = await log.watermarks();
    const start = this.#looksBack ? lookBack(marks, this.#position) : new Map(this.#position);
    this.#looksBack = false;
    const merge = new TimeMerge(highs(marks), start);
    for await (const batch of log.read(start, this.#signal)) {
      merge.push(batch);
      if (batch.length === 0) merge.finish();
      const records = merge.take();
      for (let at = 0; at < records.length; ) {
        if (!(await this.#client.room(PATIENCE_MS))) return;
        at += this.#sendRecords(records.slice(at, at + PIECE));
        await breathe();
      }
      if (ring().holds(this.#position)) return;
    }
  }

  /** Sends the events of records that the client wants, up to PIECE_BYTES. @returns how many records that went through */
  #sendRecords(records: readonly LogRecord[]): number {
    const piece = new Piece();
    for (const record of records) {
      if (piece.isFull) break;
      piece.count += 1;
      const isRepeat = this.#seen.repeats(record.headers.ce_id);
      if (record.offset < (this.#position.get(record.partition) ?? 0)) continue;
      this.#position.set(record.partition, record.offset + 1);
      if (isRepeat) continue;
      const frame = new Frame(record, formatVector(this.#position));
      if (this.#audience.wants(frame)) piece.add(frame.bytes);
    }
    return this.#send(piece);
  }

  /** Sends the frames that the client wants, up to PIECE_BYTES. @returns how many frames that went through */
  #sendFrames(frames: readonly Frame[]): number {
    const piece = new Piece();
    for (const frame of frames) {
      if (piece.isFull) break;
      piece.count += 1;
      this.#position.set(frame.partition, frame.offset + 1);
      if (this.#audience.wants(frame)) piece.add(frame.at(this.#position));
    }
    return this.#send(piece);
  }

  /** A client that is sent nothing for long is told where it stands: it would else begin anew should its stream end. */
  #send({ count, frames }: Piece): number {
    this.#unsent = frames.length > 0 ? 0 : this.#unsent + count;
    if (frames.length > 0) this.#client.send(new Chunk(joinBytes(frames)));
    this.#sources.metrics?.sent(frames.length);
    if (this.#unsent >= LOOK_BACK) {
      this.#unsent = 0;
      this.#client.send(new Chunk(encodePosition(formatVector(this.#position))));
    }
    return count;
  }
}

/** What is sent in one go. */
class Piece {
  readonly frames: Uint8Array[] = [];
  /** Events looked at for it, those included that the client does not want. */
  count = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.#bytes >= PIECE_BYTES;
  }

  add(frame: Uint8Array): void {
    this.frames.push(frame);
    this.#bytes += frame.byteLength;
  }
}

function highs(marks: readonly Watermarks[]): OffsetVector {
  return new Map(marks.map(({ partition, high }) => [partition, high]));
}

function lows(marks: readonly Watermarks[]): OffsetVector {
  return new Map(marks.map(({ partition, low }) => [partition, low]));
}

/** Where to begin, so that an event is known whose repeat stands behind `position`. What is gone is an error all the same. */
function lookBack(marks: readonly Watermarks[], position: OffsetVector): OffsetVector {
  return new Map(
    marks.map(({ partition, low }) => {
      const wanted = position.get(partition) ?? 0;
      return [partition, wanted < low ? wanted : Math.max(low, wanted - LOOK_BACK)];
    }),
  );
}
