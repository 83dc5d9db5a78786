import type { Connection } from "./connection.ts";

/** What a stream reports. */
export interface StreamEvents {
  onConnection(connection: Connection): void;
  /** @param json the `data:` of one frame */
  onEvent(json: string): void;
  /** Forget what is shown: the newest events follow. */
  onReset(): void;
  /** All of the past that was asked for has come; what comes from now on is new. */
  onLive(): void;
  /** @param serverTime milliseconds since 1970 @param askedAt by Date.now: when the stream was opened, if it was just for this */
  onServerTime(serverTime: number, askedAt: number | undefined): void;
}

/** Parameters of `GET /crm-events`. */
export type StreamQuery = readonly (readonly [name: string, value: string])[];

/** Milliseconds without a sign of life after which a stream counts as dead; the server sends a heartbeat every 15 s. */
export const SILENCE_MS = 40_000;
/** Milliseconds before a stream that ended is opened again: twice as long each time, and a random part of it less. */
const REOPEN_MS = 500;
const REOPEN_MAX_MS = 30_000;
/** Where a stream begins; a stream that comes back goes on behind the last event instead. */
const STARTS = ["lastEventId", "since", "from", "limit"];

/**
 * The event stream. An EventSource would reconnect by itself, but says not when, gives up for good on an error status, which a
 * server that restarts answers for a moment, and does not notice a connection that went silent. So one that ends is let go
 * of, and opened again here, from the last event that arrived.
 */
export class EventStream {
  /** Where it stands; empty before anything came. */
  lastEventId = "";
  #query: StreamQuery = [];
  #source: EventSource | undefined;
  #reopen: number | undefined;
  #failures = 0;
  /** By Date.now. */
  #lastSign = 0;
  #openedAt = 0;
  #isLive = false;

  /** @param path of the stream on this origin */
  constructor(
    private readonly path: string,
    private readonly events: StreamEvents,
  ) {}

  /** Watches over the stream from now on; it is opened by `open`. */
  start(): void {
    setInterval(() => this.#checkSilence(), SILENCE_MS / 8);
    window.addEventListener("online", () => this.retry());
  }

  /** Opens it with another query in place of the one at hand. */
  open(query: StreamQuery): void {
    this.#query = query;
    this.lastEventId = "";
    this.#isLive = false;
    this.#lastSign = Date.now();
    this.#open();
  }

  /** Ends it on purpose. */
  close(): void {
    clearTimeout(this.#reopen);
    this.#source?.close();
    this.#source = undefined;
    this.events.onConnection({ kind: "past" });
  }

  /** Opens it at once when it is waiting to be opened again. */
  retry(): void {
    if (this.#reopen !== undefined) this.#open();
  }

  #open(): void {
    clearTimeout(this.#reopen);
    this.#reopen = undefined;
    this.#source?.close();
    this.#openedAt = Date.now();
    const query = new URLSearchParams(this.#next().map(([name, value]) => [name, value]));
    // Heartbeats as events: a page is told of no comment, and has to know a quiet stream from a dead one.
    query.set("heartbeat", "event");
    const source = new EventSource(`${this.path}?${query}`);
    this.#source = source;
    source.onopen = () => {
      this.#lastSign = Date.now();
      this.events.onConnection({ kind: "live" });
    };
    source.onmessage = (message: MessageEvent<string>) => {
      this.#alive(message);
      this.events.onEvent(message.data);
    };
    source.addEventListener("reset", (message: MessageEvent<string>) => {
      this.#alive(message);
      this.#isLive = false;
      this.events.onReset();
    });
    source.addEventListener("heartbeat", (message: MessageEvent<string>) => this.#beat(message));
    source.onerror = () => this.#ended(source);
  }

  #next(): StreamQuery {
    if (this.lastEventId === "") return this.#query;
    return [...this.#query.filter(([name]) => !STARTS.includes(name)), ["lastEventId", this.lastEventId]];
  }

  #alive(message: MessageEvent<string>): void {
    this.#lastSign = Date.now();
    this.#failures = 0;
    if (message.lastEventId !== "") this.lastEventId = message.lastEventId;
  }

  #beat(message: MessageEvent<string>): void {
    this.#alive(message);
    const { time, live } = JSON.parse(message.data);
    const isFirst = live === true && !this.#isLive;
    // The first heartbeat answers the opening; of the past that it had to wait for it says nothing, but its bound holds.
    this.events.onServerTime(Date.parse(time), isFirst ? this.#openedAt : undefined);
    if (!isFirst) return;
    this.#isLive = true;
    this.events.onLive();
  }

  #ended(source: EventSource): void {
    const isRefused = source.readyState === EventSource.CLOSED;
    source.close();
    if (source !== this.#source) return;
    if (isRefused) void this.#reloadWhenSignedOut();
    const delay = Math.min(REOPEN_MS * 2 ** this.#failures, REOPEN_MAX_MS) * (0.5 + 0.5 * Math.random());
    this.#failures += 1;
    clearTimeout(this.#reopen);
    this.#reopen = window.setTimeout(() => {
      this.events.onConnection({ kind: "reconnecting", at: undefined });
      this.#open();
    }, delay);
    this.events.onConnection({ kind: "reconnecting", at: Date.now() + delay });
  }

  #checkSilence(): void {
    if (this.#source === undefined || this.#reopen !== undefined) return;
    if (Date.now() - Math.max(this.#lastSign, this.#openedAt) < SILENCE_MS) return;
    this.events.onConnection({ kind: "stale", since: this.#lastSign });
    this.#open();
  }

  /** The session is over: the server sends the page to the login. An EventSource is not told the status. */
  async #reloadWhenSignedOut(): Promise<void> {
    const answer = await fetch(this.path, { method: "HEAD" }).catch(() => undefined);
    if (answer?.status === 401) location.reload();
  }
}
