import { type EventLog, type LogRecord, OffsetOutOfRangeError } from "../log/log.ts";
import { covers, formatVector, type OffsetVector } from "../log/vector.ts";
import type { Logger } from "../metrics/logger.ts";
import { catchUp } from "./catch-up.ts";
import { Client, EVERYTHING, maySee, type Viewer } from "./client.ts";
import { encodeFrame, encodeNamed, encodePosition, encodePreamble, type Frame, frameAt, joinChunks } from "./frame.ts";
import { mergeByTime } from "./merge.ts";
import { Ring } from "./ring.ts";
import { LOOK_BACK, SeenEvents } from "./seen.ts";

export interface HubOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  /** Newest events kept in memory. */
  readonly ring: number;
  readonly heartbeatMs: number;
  /** Bytes that may wait for one client. */
  readonly bufferBytes: number;
  /** Milliseconds after which a client whose stream broke should come back. Default 1,000. */
  readonly retryMs?: number;
}

const RETRY_MS = 1_000;
/** Pause before the log is read again after it failed. */
const REREAD_MS = 500;

/** What a page shows when it is opened. */
export interface HubSnapshot {
  readonly topic: string;
  /** JSON of the newest events' frames, oldest first. */
  readonly events: string[];
  /** Where a stream goes on without gap or repeat. */
  readonly lastEventId: string;
}

/** Reads the log once, encodes each event once, and hands the same bytes to all clients. */
export class Hub {
  readonly #options: HubOptions;
  #ring = new Ring(0, new Map());
  #seen = new SeenEvents();
  /** Next offset of each partition to read: before the ring's head only at the very beginning. */
  #position = new Map<number, number>();
  readonly #live = new Set<Client>();
  readonly #clients = new Set<Client>();
  #stop = new AbortController();
  #done: Promise<void> | undefined;
  #caughtUp = Promise.withResolvers<void>();
  #heartbeat: Timer | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Starts to read in the background, from the log's tail; survives a log that is away. */
  start(): void {
    if (this.#done !== undefined) return;
    this.#stop = new AbortController();
    this.#done = this.#run();
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeatMs);
  }

  /** Resolves when the ring holds the newest events. Streams that are opened before begin then. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** True once `caughtUp` has resolved. */
  isCaughtUp = false;

  /** Ends all streams and stops reading. Safe twice. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#stop.abort();
    this.closeClients();
    await this.#done;
    this.#done = undefined;
  }

  /** Ends all open streams; their clients come back by themselves, to whoever serves them then. */
  closeClients(): void {
    for (const client of this.#clients) client.close();
  }

  /** Streams that are open. */
  get clientCount(): number {
    return this.#clients.size;
  }

  /** The newest `count` events that the viewer may see, and where they end. */
  snapshot(count: number, viewer: Viewer = EVERYTHING): HubSnapshot {
    const events = this.#ring.newest(count, (frame) => maySee(viewer, frame.tenantId)).map((frame) => frame.json);
    return { topic: this.#options.log.topic, events, lastEventId: formatVector(this.#ring.head) };
  }

  /**
   * Opens a stream.
   * @param position where the client stopped: it is sent all that came since; undefined: only what comes from now on;
   *   "unknown": its id means nothing to us, so it is sent a reset and the newest events
   * @param viewer what it may see
   */
  open(position: OffsetVector | "unknown" | undefined, viewer: Viewer = EVERYTHING): Client {
    const client = new Client(this.#options.bufferBytes, viewer);
    this.#clients.add(client);
    client.signal.addEventListener("abort", () => {
      this.#clients.delete(client);
      this.#live.delete(client);
    });
    client.send(encodePreamble(this.#options.retryMs ?? RETRY_MS));
    if (this.isCaughtUp) this.#begin(client, position);
    else void this.caughtUp.then(() => this.#begin(client, position));
    return client;
  }

  /** From here on the client is sent events, in this very turn of the event loop if it only wants new ones. */
  #begin(client: Client, position: OffsetVector | "unknown" | undefined): void {
    if (client.signal.aborted) return;
    if (position !== undefined) {
      void this.#resume(client, position);
      return;
    }
    client.send(encodePosition(formatVector(this.#ring.head)));
    this.#live.add(client);
  }

  async #resume(client: Client, position: OffsetVector | "unknown"): Promise<void> {
    try {
      await catchUp(
        client,
        position,
        this.#options.log,
        () => this.#ring,
        (behind) => {
          client.ahead = behind;
          this.#live.add(client);
        },
      );
    } catch (error) {
      if (client.signal.aborted) return;
      this.#options.logger.warn({ err: error }, "a stream could not be resumed; its client will try again");
      client.close();
    }
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
          this.closeClients();
        }
      }
      await this.#pause(REREAD_MS);
    }
  }

  /** Reads from where the ring stands: first what is there, in order of time over all partitions, then what comes. */
  async #follow(): Promise<void> {
    let backlog: LogRecord[] | undefined = [];
    const from = new Map(this.#position);
    for await (const batch of this.#options.log.read(from, this.#stop.signal, { notePosition: true })) {
      if (backlog === undefined) this.#publish(batch);
      else if (batch.length > 0) backlog.push(...batch);
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

  /** All that is due goes out as one chunk. What arrives meanwhile waits in the log and is the next chunk. */
  #publish(records: readonly LogRecord[]): void {
    const frames = records.flatMap((record) => this.#admit(record) ?? []);
    if (frames.length === 0) return;
    const chunk = joinChunks(frames.map((frame) => frame.bytes));
    for (const client of this.#live) {
      if (client.ahead !== undefined) this.#sendUnseen(client, client.ahead, frames);
      else if (client.viewer.tenants === "all") client.send(chunk);
      else sendVisible(client, frames);
    }
  }

  /** Takes a record into the ring; undefined when it repeats an event, or was read only to know it. */
  #admit(record: LogRecord): Frame | undefined {
    this.#position.set(record.partition, record.offset + 1);
    const isRepeat = this.#seen.repeats(record.headers.ce_id);
    if (record.offset < (this.#ring.head.get(record.partition) ?? 0)) return undefined;
    this.#ring.advance(record.partition, record.offset);
    if (isRepeat) return undefined;
    const frame = encodeFrame(record, formatVector(this.#ring.head));
    this.#ring.push(frame);
    return frame;
  }

  #sendUnseen(client: Client, ahead: Map<number, number>, frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.offset < (ahead.get(frame.partition) ?? 0)) continue;
      ahead.set(frame.partition, frame.offset + 1);
      if (maySee(client.viewer, frame.tenantId)) client.send(frameAt(frame, ahead));
    }
    if (covers(this.#ring.head, ahead)) client.ahead = undefined;
  }

  #beat(): void {
    const bytes = encodeNamed("heartbeat", undefined, JSON.stringify({ time: new Date().toISOString() }));
    for (const client of this.#clients) client.send(bytes);
    // Who is sent few of the events would else resume from far behind.
    const position = encodePosition(formatVector(this.#ring.head));
    for (const client of this.#live)
      if (client.viewer.tenants !== "all" && client.ahead === undefined) client.send(position);
  }

  async #beginAtTail(): Promise<void> {
    const marks = await this.#options.log.watermarks();
    const from = (back: number) =>
      new Map(marks.map(({ partition, low, high }) => [partition, Math.max(low, high - back)] as const));
    this.#seen = new SeenEvents();
    this.#position = from(this.#options.ring + LOOK_BACK);
    this.#ring = new Ring(this.#options.ring, from(this.#options.ring));
  }
}

/** Of frames that are due, those that the client may see. */
function sendVisible(client: Client, frames: readonly Frame[]): void {
  const visible = frames.filter((frame) => maySee(client.viewer, frame.tenantId));
  if (visible.length > 0) client.send(joinChunks(visible.map((frame) => frame.bytes)));
}
