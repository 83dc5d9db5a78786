import { type Chunk, GzipEnvelope } from "./chunk.ts";
import { joinBytes } from "./frame.ts";

export interface ClientOptions {
  /** Bytes that may wait for the client; one that is further behind is cut off. */
  readonly bufferBytes: number;
  /** Milliseconds after which a client that takes nothing of the past it asked for is given up. */
  readonly stallMs: number;
  /** The client takes gzip. */
  readonly gzip?: boolean;
  /** Called once when the stream ends, for whatever reason. */
  readonly ended?: (client: Client) => void;
}

/** Bytes that may wait for a client while it is sent more of the past: what is only its own is kept small. */
const ROOM_BYTES = 65_536;
/** Bytes that are handed on as one piece, at least. */
const PIECE_BYTES = 65_536;

/**
 * One open stream: a queue of bytes with a bound. Bytes that the connection does not take at once wait here, as the shared
 * chunks that they are. Written to a "direct" stream of Bun's, an event costs a quarter to a third less CPU than enqueued to
 * a usual one (50,000 and 150,000 deliveries a second: 0.37 and 0.63 in place of 0.49 and 0.96 cores).
 */
export class Client {
  /** The response body. */
  readonly body: ReadableStream<Uint8Array>;
  /** True when the stream has ended. */
  isEnded = false;
  /** True when it ended because the client was too far behind. */
  isCutOff = false;

  readonly #bufferBytes: number;
  readonly #stallMs: number;
  readonly #ended: ((client: Client) => void) | undefined;
  readonly #gzip: GzipEnvelope | undefined;
  /** Undefined until the response's body is asked for. */
  #controller: ReadableStreamDirectController | undefined;
  /** True while the connection takes nothing. */
  #isBlocked = true;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor({ bufferBytes, stallMs, gzip = false, ended }: ClientOptions) {
    this.#bufferBytes = bufferBytes;
    this.#stallMs = stallMs;
    this.#ended = ended;
    this.#gzip = gzip ? new GzipEnvelope() : undefined;
    const source: Bun.DirectUnderlyingSource<Uint8Array> = {
      type: "direct",
      pull: (controller) => this.#start(controller),
      cancel: () => this.#end(),
    };
    // @ts-expect-error TypeScript's own types of streams, which go before Bun's, do not know direct ones.
    this.body = new ReadableStream<Uint8Array>(source);
    if (gzip) this.#enqueue(GzipEnvelope.head);
  }

  /** Queues bytes. A client that is too far behind is cut off; it resumes by its Last-Event-ID. */
  send(chunk: Chunk): void {
    if (this.isEnded) return;
    this.#gzip?.add(chunk);
    this.#enqueue(this.#gzip === undefined ? chunk.plain : chunk.deflated);
  }

  /**
   * Resolves when little waits for the client, or when the stream has ended. One that takes nothing for long is cut off.
   * @param patienceMs resolves with false after so long
   * @returns true when there is room
   */
  async room(patienceMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const isPatient = patienceMs >= this.#stallMs;
    while (!this.isEnded && this.#waitingBytes >= ROOM_BYTES) {
      const room = Promise.withResolvers<void>();
      this.#room = room;
      const before = this.#waitingBytes;
      const timer = setTimeout(() => room.resolve(), Math.min(patienceMs, this.#stallMs));
      await room.promise;
      clearTimeout(timer);
      if (this.#waitingBytes < ROOM_BYTES) break;
      if (!isPatient) return false;
      if (this.#waitingBytes >= before) this.#cutOff();
    }
    return !this.isEnded;
  }

  /** Ends the stream behind what is queued. Safe twice. */
  close(): void {
    if (this.isEnded) return;
    if (this.#gzip !== undefined) this.#keep(this.#gzip.tail());
    this.#end();
    this.#finish();
  }

  #start(controller: ReadableStreamDirectController): void {
    if (this.#controller !== undefined) return;
    this.#controller = controller;
    if (this.isEnded) this.#finish();
    else this.#drain();
  }

  #enqueue(bytes: Uint8Array): void {
    if (this.#isBlocked) this.#keep(bytes);
    else this.#write(bytes);
    if (this.#waitingBytes >= this.#bufferBytes) this.#cutOff();
  }

  #keep(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
  }

  #write(bytes: Uint8Array): void {
    const taken = this.#controller?.write(bytes);
    void this.#controller?.flush();
    // Gone without a word.
    if (taken === 0) this.#end();
    else if (typeof taken === "object") {
      this.#isBlocked = true;
      taken.then(
        () => this.#drain(),
        () => this.#end(),
      );
    }
  }

  /** The connection takes bytes again. What waits goes on in pieces, for joined bytes are a copy. */
  #drain(): void {
    this.#isBlocked = false;
    while (!this.#isBlocked && this.#waiting.length > 0) {
      let count = 0;
      let bytes = 0;
      while (count < this.#waiting.length && bytes < PIECE_BYTES) bytes += this.#waiting[count++]?.byteLength ?? 0;
      this.#waitingBytes -= bytes;
      this.#write(joinBytes(this.#waiting.splice(0, count)));
    }
    if (this.#waitingBytes < ROOM_BYTES) this.#room?.resolve();
  }

  /** What waits is let go of: the client will ask for it again. */
  #cutOff(): void {
    if (this.isEnded) return;
    this.isCutOff = true;
    this.#waiting = [];
    this.#end();
    this.#finish();
  }

  /** Hands over the rest and the end, unless nobody has asked for the body yet. */
  #finish(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    const rest = this.#waiting.splice(0);
    if (rest.length > 0) void controller.write(joinBytes(rest));
    void controller.end();
  }

  #end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#room?.resolve();
    this.#ended?.(this);
  }
}
