import type { AuditEntry } from "../../src/autoheal/audit.ts";
import type { Connection } from "../ops/connection.ts";

/** What the stream of decisions reports. */
export interface DecisionStreamEvents {
  onConnection(connection: Connection): void;
  onEntry(entry: AuditEntry): void;
}

/** Milliseconds before a stream that ended is opened again: twice as long each time. */
const REOPEN_MS = 500;
const REOPEN_MAX_MS = 30_000;

/**
 * The audit as it is written. As with the events' stream, one that ends is let go of and opened again here: an EventSource gives
 * up for good on an error status, which a server that restarts answers for a moment.
 */
export class DecisionStream {
  #source: EventSource | undefined;
  #reopen: number | undefined;
  #failures = 0;

  /** @param lastEventId of the newest entry that the page has; empty for none */
  constructor(
    private lastEventId: string,
    private readonly events: DecisionStreamEvents,
  ) {}

  start(): void {
    window.addEventListener("online", () => this.retry());
    this.#open();
  }

  /** Opens it at once when it is waiting to be opened again. */
  retry(): void {
    if (this.#reopen !== undefined) this.#open();
  }

  #open(): void {
    clearTimeout(this.#reopen);
    this.#reopen = undefined;
    this.#source?.close();
    const query = new URLSearchParams({ lastEventId: this.lastEventId === "" ? "0" : this.lastEventId });
    const source = new EventSource(`/autoheal/events?${query}`);
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.events.onConnection({ kind: "live" });
    };
    source.addEventListener("decision", (message: MessageEvent<string>) => {
      this.lastEventId = message.lastEventId;
      this.events.onEntry(JSON.parse(message.data));
    });
    source.onerror = () => this.#ended(source);
  }

  #ended(source: EventSource): void {
    if (source !== this.#source) return;
    source.close();
    const ms = Math.min(REOPEN_MAX_MS, REOPEN_MS * 2 ** this.#failures++) * (0.75 + Math.random() / 4);
    this.#reopen = window.setTimeout(() => this.#open(), ms);
    this.events.onConnection({ kind: "reconnecting", at: Date.now() + ms });
  }
}
