import type { EventLog } from "../log/log.ts";
import { covers, formatVector, type OffsetVector } from "../log/vector.ts";
import type { Logger } from "../metrics/logger.ts";
import { type Audience, Audiences } from "./audience.ts";
import { CatchUp } from "./catch-up.ts";
import { Chunk } from "./chunk.ts";
import { Client } from "./client.ts";
import { type Filter, type Matches, NO_FILTER } from "./filter.ts";
import { encodePosition, encodePreamble, type Frame } from "./frame.ts";
import { Heart, type Heartbeat } from "./heart.ts";
import type { Eviction, StreamMetrics } from "./metrics.ts";
import { Slots } from "./slots.ts";
import { LIVE, type Start } from "./start.ts";
import { Tail } from "./tail.ts";
import type { TraceFanOut } from "./traced.ts";
import { EVERYTHING, maySee, type Viewer } from "./viewer.ts";

export interface HubOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  /** Newest events kept in memory. */
  readonly ring: number;
  readonly heartbeatMs: number;
  /** Bytes that may wait for one client. */
  readonly bufferBytes: number;
  /** Milliseconds after which a client that takes nothing of the past it asked for is given up. Default 60,000. */
  readonly stallMs?: number;
  /** Streams that may be open at once. Default: any number. */
  readonly maxClients?: number;
  /** Milliseconds after which a stream ends, at a random point in the last fifth. Default 0: never. */
  readonly maxAgeMs?: number;
  /** Milliseconds after which a client whose stream broke should come back. Default 1,000. */
  readonly retryMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** From 0 to 1, as Math.random. */
  readonly random?: () => number;
  readonly metrics?: StreamMetrics | undefined;
  readonly traced?: TraceFanOut | undefined;
}

/** What a client asks for. */
export interface StreamOptions {
  readonly viewer?: Viewer;
  readonly filter?: Filter;
  readonly heartbeat?: Heartbeat;
  /** The client takes gzip. */
  readonly gzip?: boolean;
  /** Called once when the stream has ended. */
  readonly ended?: () => void;
}

const RETRY_MS = 1_000;
const STALL_MS = 60_000;
/** Clients that may read the log at once; with Kafka each has a consumer of its own. */
const LOG_READERS = 4;
/** Milliseconds over which clients that are sent away come back, for each of them, and its bounds. */
const SPREAD_MS = 1;
const SPREAD_MIN_MS = 100;
const SPREAD_MAX_MS = 10_000;
/** The longest time that a timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** What a page shows when it is opened. */
export interface HubSnapshot {
  readonly topic: string;
  /** JSON of the newest events' frames, oldest first. */
  readonly events: string[];
  /** Where a stream goes on without gap or repeat. */
  readonly lastEventId: string;
}

/** An open stream, as the hub sees it. */
interface Member {
  readonly client: Client;
  readonly audience: Audience;
  readonly heartbeat: Heartbeat;
  /**
   * Set while the client has seen more of some partition than this process (it comes from a replica that was ahead):
   * what it has seen is held back until we have passed it.
   */
  ahead: Map<number, number> | undefined;
  /** Ends what reads the log for the client; only while it catches up. */
  stopReading: (() => void) | undefined;
}

/** Hands every event, encoded once, to all clients that are to be sent it: the same bytes to all that ask for the same. */
export class Hub {
  readonly #options: HubOptions;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly #tail: Tail;
  /** In the ring, but not handed out yet. */
  #due: Frame[] = [];
  /** Set while something was handed out in this turn of the event loop. */
  #turn: ReturnType<typeof setImmediate> | undefined;
  readonly #members = new Map<Client, Member>();
  readonly #audiences = new Audiences();
  readonly #ahead = new Set<Member>();
  readonly #readers = new Slots(LOG_READERS);
  readonly #heart: Heart<Member>;
  #isDismissing = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
    this.#tail = new Tail({
      log: options.log,
      logger: options.logger,
      capacity: options.ring,
      now: this.now,
      arrived: (frames) => this.#publish(frames),
      // Events between our position and the tail are gone, so no client can be given them: all begin anew.
      lost: () => this.closeClients(),
    });
    options.metrics?.watch(this);
    this.#heart = new Heart<Member>(options.heartbeatMs, {
      now: this.now,
      position: () => {
        this.#flush();
        return formatVector(this.#tail.ring.head);
      },
      isLive: ({ audience, client }) => audience.live.has(client),
    });
  }

  /** Starts to read in the background, from the log's tail; survives a log that is away. */
  start(): void {
    this.#tail.start();
    this.#heart.start();
  }

  /** Resolves when the ring holds the newest events. Streams that are opened before begin then. */
  get caughtUp(): Promise<void> {
    return this.#tail.caughtUp;
  }

  /** True once `caughtUp` has resolved. */
  get isCaughtUp(): boolean {
    return this.#tail.isCaughtUp;
  }

  /** Next offset of each partition that is to come. */
  get head(): OffsetVector {
    return this.#tail.ring.head;
  }

  /** Reads the log by a new reader from where the old one stood; open streams notice nothing. */
  restartReader(): void {
    this.#tail.restart();
  }

  /** Ends all streams, their clients told when to come back, and stops reading. Safe twice. */
  async stop(): Promise<void> {
    this.#heart.stop();
    this.dismiss();
    await this.#tail.stop();
  }

  /**
   * Ends all streams because this process does, and those that are opened from now on: each client is told to come back,
   * which it will to another process, at a moment of its own. So many at once would hold up those whom that one serves.
   */
  dismiss(): void {
    this.#isDismissing = true;
    const count = this.#members.size;
    for (const client of [...this.#members.keys()]) this.#sendAway(client, count);
  }

  #sendAway(client: Client, of: number): void {
    const spreadMs = Math.min(SPREAD_MAX_MS, Math.max(SPREAD_MIN_MS, of * SPREAD_MS));
    client.send(new Chunk(encodePreamble(Math.ceil(this.random() * spreadMs), "this server stops; please come back")));
    this.#evict(client, "stopping");
  }

  /** Ends all open streams; their clients come back by themselves, to whoever serves them then. */
  closeClients(): void {
    for (const client of [...this.#members.keys()]) this.#evict(client, "log_lost");
  }

  #evict(client: Client, reason: Eviction): void {
    if (client.isEnded) return;
    this.#options.metrics?.evicted(reason);
    client.close();
  }

  /** Streams that are open. */
  get clientCount(): number {
    return this.#members.size;
  }

  /** True when no more streams may be opened. */
  get isFull(): boolean {
    return this.#members.size >= (this.#options.maxClients ?? Number.POSITIVE_INFINITY);
  }

  /** A stream was not opened since the hub is full. */
  refused(): void {
    this.#options.metrics?.refused();
  }

  /** The newest `count` events that the viewer may see and that are wanted, as far as the ring goes back, and where they end. */
  snapshot(count: number, viewer: Viewer = EVERYTHING, wanted: Matches = () => true): HubSnapshot {
    const seen = (frame: Frame) => {
      const isSeen = maySee(viewer, frame.tenantId) && wanted(frame);
      frame.rest();
      return isSeen;
    };
    const events = this.#tail.ring.newest(count, seen).map((frame) => frame.json);
    return { topic: this.#options.log.topic, events, lastEventId: formatVector(this.#tail.ring.head) };
  }

  /** Opens a stream, even when the hub is full. */
  open(start: Start = LIVE, options: StreamOptions = {}): Client {
    const { viewer = EVERYTHING, filter = NO_FILTER, heartbeat = "comment", gzip = false, ended } = options;
    const { bufferBytes, stallMs = STALL_MS, retryMs = RETRY_MS } = this.#options;
    const audience = this.#audiences.join(viewer, filter);
    const client: Client = new Client({ bufferBytes, stallMs, gzip, ended: () => leave() });
    const member: Member = { client, audience, heartbeat, ahead: undefined, stopReading: undefined };
    this.#members.set(client, member);
    const stopBeating = this.#heart.add(member);
    const lifetime = this.#endInTime(client, viewer);
    const leave = () => {
      if (client.isCutOff) this.#options.metrics?.evicted("slow");
      clearTimeout(lifetime);
      stopBeating();
      member.stopReading?.();
      this.#members.delete(client);
      this.#ahead.delete(member);
      this.#audiences.leave(audience, client);
      ended?.();
    };
    if (this.#isDismissing) {
      this.#sendAway(client, 1);
      return client;
    }
    client.send(new Chunk(encodePreamble(retryMs)));
    if (this.isCaughtUp) this.#begin(member, start);
    else void this.caughtUp.then(() => this.#begin(member, start));
    return client;
  }

  /**
   * Ends the stream when the viewer's permission does, or when it is old, whichever is first: the client comes back with a
   * new permission, or to a process that has less to do. At random, so that those who came together do not come back together.
   */
  #endInTime(client: Client, { until }: Viewer): Timer | undefined {
    const { maxAgeMs = 0 } = this.#options;
    const age = maxAgeMs === 0 ? Number.POSITIVE_INFINITY : maxAgeMs * (0.8 + 0.2 * this.random());
    const permitted = until === undefined ? Number.POSITIVE_INFINITY : Math.max(0, until.getTime() - this.now());
    const ms = Math.min(age, permitted);
    if (ms === Number.POSITIVE_INFINITY) return undefined;
    const reason = permitted < age ? "permission" : "age";
    return setTimeout(() => this.#evict(client, reason), Math.min(ms, MAX_TIMER_MS));
  }

  /** From here on the client is sent events, in this very turn of the event loop if it only wants new ones. */
  #begin(member: Member, start: Start): void {
    if (member.client.isEnded) return;
    if (start.kind === "live") this.#join(member, undefined);
    else void this.#catchUp(member, start);
  }

  async #catchUp(member: Member, start: Start): Promise<void> {
    const { client, audience } = member;
    const { log, logger, metrics } = this.#options;
    const sources = { log, ring: () => this.#tail.ring, readers: this.#readers, metrics };
    // The log's reader is to end with the client and with the hub.
    const abort = new AbortController();
    member.stopReading = () => abort.abort();
    try {
      await new CatchUp(client, audience, sources, abort.signal).run(start, (ahead) => this.#join(member, ahead));
    } catch (error) {
      if (client.isEnded) return;
      logger.warn({ err: error }, "a stream could not be resumed; its client will try again");
      this.#evict(client, "error");
    } finally {
      member.stopReading = undefined;
    }
  }

  /** The client has all that the ring has. */
  #join(member: Member, ahead: Map<number, number> | undefined): void {
    this.#flush();
    member.ahead = ahead;
    if (ahead !== undefined) {
      this.#ahead.add(member);
      return;
    }
    member.audience.live.add(member.client);
    // Where it stands now, for the filter may have let nothing through that would say so; and that the past is over.
    if (member.heartbeat === "event") this.#heart.beat(member);
    else member.client.send(new Chunk(encodePosition(formatVector(this.#tail.ring.head))));
  }

  /** Goes out at once when nothing did in this turn of the event loop, else with all that is due in the next. */
  #publish(frames: readonly Frame[]): void {
    this.#due.push(...frames);
    if (this.#turn === undefined) this.#flush();
  }

  /** Hands out what is due. Before a client is counted as one that has all that the ring has, for it was not due to it. */
  #flush(): void {
    if (this.#due.length === 0) return;
    const frames = this.#due;
    this.#due = [];
    const began = this.now();
    const deliveries = this.#audiences.deliver(frames);
    const now = this.now();
    this.#options.metrics?.fannedOut(frames, deliveries, now);
    this.#options.traced?.(frames, deliveries, began, now);
    for (const member of this.#ahead) this.#sendUnseen(member, frames);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#flush();
    });
  }

  #sendUnseen(member: Member, frames: readonly Frame[]): void {
    const { ahead, audience, client } = member;
    if (ahead === undefined) return;
    for (const frame of frames) {
      if (frame.offset < (ahead.get(frame.partition) ?? 0)) continue;
      ahead.set(frame.partition, frame.offset + 1);
      if (!audience.wants(frame)) continue;
      client.send(new Chunk(frame.at(ahead)));
      this.#options.metrics?.sent(1);
    }
    if (client.isEnded || !covers(this.#tail.ring.head, ahead)) return;
    this.#ahead.delete(member);
    this.#join(member, undefined);
  }
}
