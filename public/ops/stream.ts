import type { Connection } from "./state.ts";

/** What a stream reports. */
export interface StreamEvents {
  onConnection(connection: Connection): void;
  /** @param json the `data:` of one frame */
  onEvent(json: string): void;
  /** Forget what is shown: the newest events follow. */
  onReset(): void;
}

/** Milliseconds without a sign of life after which a stream counts as dead; the server sends a heartbeat every 15 s. */
const SILENCE_MS = 40_000;
/** Milliseconds before a stream that the browser gave up is opened again; twice as long each time. */
const REOPEN_MS = 500;
const REOPEN_MAX_MS = 10_000;

/**
 * The event stream, for as long as the page lives. An EventSource reconnects by itself after a broken connection, but
 * gives up for good on an error status, which a server that restarts answers for a moment, and does not notice a
 * connection that went silent; both are opened again here, from the last event that arrived.
 */
export class EventStream {
  #source: EventSource | undefined;
  #reopen: number | undefined;
  #failures = 0;
  #lastSign = 0;

  /**
   * @param path of the stream on this origin
   * @param lastEventId where to go on
   */
  constructor(
    private readonly path: string,
    private lastEventId: string,
    private readonly events: StreamEvents,
  ) {}

  /** Opens the stream; from then on it keeps itself open. */
  start(): void {
    this.#open();
    setInterval(() => this.#checkSilence(), SILENCE_MS / 8);
  }

  #open(): void {
    clearTimeout(this.#reopen);
    this.#source?.close();
    this.#lastSign = performance.now();
    // Heartbeats as events: a page is told of no comment, and has to know a quiet stream from a dead one.
    const query = new URLSearchParams({ heartbeat: "event", lastEventId: this.lastEventId });
    const source = new EventSource(`${this.path}?${query}`);
    this.#source = source;
    source.onopen = () => {
      this.#alive();
      this.#failures = 0;
      this.events.onConnection("live");
    };
    source.onmessage = (message: MessageEvent<string>) => {
      this.#alive(message);
      this.events.onEvent(message.data);
    };
    source.addEventListener("reset", (message: MessageEvent<string>) => {
      this.#alive(message);
      this.events.onReset();
    });
    source.addEventListener("heartbeat", (message: MessageEvent<string>) => this.#alive(message));
    source.onerror = () => {
      this.events.onConnection("reconnecting");
      if (source.readyState === EventSource.CLOSED) this.#reopenLater();
    };
  }

  #alive(message?: MessageEvent<string>): void {
    this.#lastSign = performance.now();
    if (message?.lastEventId) this.lastEventId = message.lastEventId;
  }

  #checkSilence(): void {
    const open = this.#source?.readyState === EventSource.OPEN;
    if (!open || performance.now() - this.#lastSign < SILENCE_MS) return;
    this.events.onConnection("reconnecting");
    this.#open();
  }

  #reopenLater(): void {
    const delay = Math.min(REOPEN_MS * 2 ** this.#failures, REOPEN_MAX_MS);
    this.#failures += 1;
    clearTimeout(this.#reopen);
    this.#reopen = window.setTimeout(() => this.#open(), delay);
  }
}
