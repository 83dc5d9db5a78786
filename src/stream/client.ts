import { type Chunk, GzipEnvelope } from "./chunk.ts";
import { joinBytes } from "./frame.ts";

export interface ClientOptions {
  /** Bytes that may wait for the client; one that is further behind is cut off. */
  readonly bufferBytes: number;
  /** The client takes gzip. */
  readonly gzip?: boolean;
  /** Called once when the stream ends, for whatever reason. */
  readonly ended?: (client: Client) => void;
}

/** Bytes that may wait for a client while it is sent more of the past: what is only its own is kept small. */
const ROOM_BYTES = 65_536;
/** Bytes that are handed on as one piece, at least. */
const PIECE_BYTES = 65_536;
/** Milliseconds after which a client that takes nothing of what it asked for is given up. */
const STALL_MS = 60_000;

/**
 * One open stream: a queue of bytes with a bound. The stream's own queue holds one piece, ours the rest: Bun's
 * ByteLengthQueuingStrategy costs 7 KB a client, and shared chunks wait here without being copied.
 */
export class Client {
  /** The response body. */
  readonly body: ReadableStream<Uint8Array>;
  /** True when the stream has ended. */
  isEnded = false;
  /** True when it ended because the client was too far behind. */
  isCutOff = false;

  readonly #bufferBytes: number;
  readonly #ended: ((client: Client) => void) | undefined;
  readonly #gzip: GzipEnvelope | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #waiting: Uint8Array[] | undefined;
  #waitingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor({ bufferBytes, gzip = false, ended }: ClientOptions) {
    this.#bufferBytes = bufferBytes;
    this.#ended = ended;
    this.#gzip = gzip ? new GzipEnvelope() : undefined;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: () => this.#end(),
    });
    if (gzip) this.#enqueue(GzipEnvelope.head);
  }

  /** Queues bytes. A client that is too far behind is cut off; it resumes by its Last-Event-ID. */
  send(chunk: Chunk): void {
    if (this.isEnded) return;
    this.#gzip?.add(chunk);
    this.#enqueue(this.#gzip === undefined ? chunk.plain : chunk.deflated);
  }

  /**
   * Resolves when little waits for the client, or when the stream has ended. One that takes nothing for `stallMs` is ended.
   * @param patienceMs resolves with false after so long
   * @returns true when there is room
   */
  async room(patienceMs = Number.POSITIVE_INFINITY, stallMs = STALL_MS): Promise<boolean> {
    while (!this.isEnded && this.#waitingBytes >= ROOM_BYTES) {
      const room = Promise.withResolvers<void>();
      this.#room = room;
      const isImpatient = patienceMs < stallMs;
      const timer = setTimeout(
        () => {
          if (!isImpatient) this.close();
          room.resolve();
        },
        Math.min(patienceMs, stallMs),
      );
      await room.promise;
      clearTimeout(timer);
      if (isImpatient) break;
    }
    return !this.isEnded && this.#waitingBytes < ROOM_BYTES;
  }

  /** Ends the stream behind what is queued. Safe twice. */
  close(): void {
    if (this.isEnded) return;
    const rest = [...(this.#waiting ?? []), ...(this.#gzip === undefined ? [] : [this.#gzip.tail()])];
    this.#end();
    try {
      if (rest.length > 0) this.#controller?.enqueue(joinBytes(rest));
      this.#controller?.close();
    } catch {
      // Gone without a word.
    }
  }

  #enqueue(bytes: Uint8Array): void {
    if (this.#waiting === undefined && (this.#controller?.desiredSize ?? 0) > 0) {
      try {
        this.#controller?.enqueue(bytes);
      } catch {
        // Gone without a word; one client's end must not keep the others from their events.
        this.#end();
      }
      return;
    }
    this.#waiting ??= [];
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes >= this.#bufferBytes) this.#cutOff();
  }

  /** What waits goes on as one piece, unless it is much: joined bytes are a copy. */
  #pull(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    let count = 0;
    let bytes = 0;
    while (count < waiting.length && bytes < PIECE_BYTES) bytes += waiting[count++]?.byteLength ?? 0;
    const piece = waiting.splice(0, count);
    this.#waitingBytes -= bytes;
    if (waiting.length === 0) this.#waiting = undefined;
    this.#controller?.enqueue(joinBytes(piece));
    if (this.#waitingBytes < ROOM_BYTES) this.#room?.resolve();
  }

  /** What waits is let go of: the client will ask for it again. */
  #cutOff(): void {
    this.isCutOff = true;
    this.#end();
    this.#controller?.close();
  }

  #end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#room?.resolve();
    this.#ended?.(this);
  }
}
