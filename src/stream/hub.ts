import { type EventLog, type LogRecord, OffsetOutOfRangeError } from "../log/log.ts";
import { covers, formatVector, type OffsetVector } from "../log/vector.ts";
import type { Logger } from "../metrics/logger.ts";
import { catchUp } from "./catch-up.ts";
import { Client } from "./client.ts";
import { encodeFrame, encodeNamed, encodePreamble, type Frame, frameAt, joinChunks } from "./frame.ts";
import { mergeByTime } from "./merge.ts";
import { Ring } from "./ring.ts";

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
  readonly #live = new Set<Client>();
  readonly #clients = new Set<Client>();
  #stop = new AbortController();
  #done: Promise<void> | undefined;
  #heartbeat: Timer | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Fills the ring from the log's tail; resolves when it has caught up. */
  async start(): Promise<void> {
    if (this.#done !== undefined) return;
    this.#stop = new AbortController();
    await this.#beginAtTail();
    const caughtUp = Promise.withResolvers<void>();
    this.#done = this.#run(caughtUp.resolve);
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeatMs);
    await caughtUp.promise;
  }

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

  /** The newest `count` events and where they end. */
  snapshot(count: number): HubSnapshot {
    const events = this.#ring.newest(count).map((frame) => frame.json);
    return { topic: this.#options.log.topic, events, lastEventId: formatVector(this.#ring.head) };
  }

  /**
   * Opens a stream.
   * @param position where the client stopped: it is sent all that came since; undefined: only what comes from now on;
   *   "unknown": its id means nothing to us, so it is sent a reset and the newest events
   */
  open(position: OffsetVector | "unknown" | undefined): Client {
    const client = new Client(this.#options.bufferBytes);
    this.#clients.add(client);
    client.signal.addEventListener("abort", () => {
      this.#clients.delete(client);
      this.#live.delete(client);
    });
    const at = position ?? this.#ring.head;
    client.send(encodePreamble(at === "unknown" ? undefined : formatVector(at), this.#options.retryMs ?? RETRY_MS));
    if (position === undefined) this.#live.add(client);
    else void this.#resume(client, position);
    return client;
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

  async #run(caughtUp: () => void): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow(caughtUp);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn({ err: error }, "the event log could not be read, will try again");
        // Events between our position and the tail are gone, so no client can be given them: all begin anew.
        if (error instanceof OffsetOutOfRangeError) await this.#beginAnew();
      }
      if (!this.#stop.signal.aborted) await Bun.sleep(REREAD_MS);
    }
  }

  /** Reads from where the ring stands: first what is there, in order of time over all partitions, then what comes. */
  async #follow(caughtUp: () => void): Promise<void> {
    let backlog: LogRecord[] | undefined = [];
    for await (const batch of this.#options.log.read(new Map(this.#ring.head), this.#stop.signal)) {
      if (backlog !== undefined && batch.length > 0) backlog.push(...batch);
      else if (backlog !== undefined) {
        this.#publish(mergeByTime(backlog));
        backlog = undefined;
        caughtUp();
      } else this.#publish(batch);
    }
  }

  /** All that is due goes out as one chunk. What arrives meanwhile waits in the log and is the next chunk. */
  #publish(records: readonly LogRecord[]): void {
    const frames = records.flatMap((record) => this.#admit(record) ?? []);
    if (frames.length === 0) return;
    const chunk = joinChunks(frames.map((frame) => frame.bytes));
    for (const client of this.#live) {
      if (client.ahead === undefined) client.send(chunk);
      else this.#sendUnseen(client, client.ahead, frames);
    }
  }

  /** Takes a record into the ring; undefined when it repeats an event that is there. */
  #admit(record: LogRecord): Frame | undefined {
    this.#ring.advance(record.partition, record.offset);
    const eventId = record.headers.ce_id;
    if (this.#ring.has(eventId)) return undefined;
    const frame = encodeFrame(record, formatVector(this.#ring.head));
    this.#ring.push(frame);
    return frame;
  }

  #sendUnseen(client: Client, ahead: Map<number, number>, frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.offset < (ahead.get(frame.partition) ?? 0)) continue;
      ahead.set(frame.partition, frame.offset + 1);
      client.send(frameAt(frame, ahead));
    }
    if (covers(this.#ring.head, ahead)) client.ahead = undefined;
  }

  #beat(): void {
    const bytes = encodeNamed("heartbeat", undefined, JSON.stringify({ time: new Date().toISOString() }));
    for (const client of this.#clients) client.send(bytes);
  }

  async #beginAtTail(): Promise<void> {
    const marks = await this.#options.log.watermarks();
    const start = marks.map(
      ({ partition, low, high }) => [partition, Math.max(low, high - this.#options.ring)] as const,
    );
    this.#ring = new Ring(this.#options.ring, new Map(start));
  }

  async #beginAnew(): Promise<void> {
    await this.#beginAtTail();
    this.closeClients();
  }
}
