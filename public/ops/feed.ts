import { narrow, type Query } from "../../src/filter/index.ts";
import { type EventView, parseFrame } from "./frame.ts";
import { MAX_ROWS } from "./rows.ts";
import type { EventStream, StreamQuery } from "./stream.ts";

/** What the feed reports. */
export interface FeedEvents {
  /** An event that came live. */
  onEvent(event: EventView): void;
  /** All that is to be shown in place of what was. */
  onAnew(events: readonly EventView[]): void;
}

/** Events of the log that are looked at when the server cannot pick them by itself. */
const MAX_LOOKED_AT = 5_000;

type Mode =
  /** What comes is new. */
  | "tail"
  /** What comes until the stream is live is the newest that matches. */
  | "refill"
  /** What comes, up to a page full, is of the past. */
  | "past";

/** Decides what the stream is asked for, and what becomes of what comes. */
export class Feed {
  #mode: Mode = "tail";
  #collected: EventView[] = [];
  #query: Query | undefined;
  #isWanted: (event: EventView) => boolean = () => true;

  constructor(
    private readonly stream: EventStream,
    private readonly events: FeedEvents,
  ) {}

  /** @param isWanted what the filter lets through */
  set filter({ query, isWanted }: { readonly query: Query; isWanted(event: EventView): boolean }) {
    this.#query = query;
    this.#isWanted = isWanted;
  }

  /** Goes on from where the page stands. */
  tail(lastEventId: string): void {
    this.#begin("tail", [["lastEventId", lastEventId]]);
  }

  /** Fetches the newest events that match, as far back as the log goes, and goes on live. */
  refill(): void {
    this.#begin("refill", [["limit", String(this.#isExact ? MAX_ROWS : MAX_LOOKED_AT)]]);
  }

  /** Fetches what was published from a time on: a page full, or all of it and then live. @param since milliseconds since 1970 */
  past(since: number): void {
    this.#begin("past", [["since", new Date(since).toISOString()]]);
  }

  /** The next page full behind it. */
  next(): void {
    this.#begin("past", [["lastEventId", this.stream.lastEventId]]);
  }

  /** @param json of a frame */
  receive(json: string): void {
    const event = parseFrame(json);
    if (event === undefined) return;
    if (this.#mode === "tail") this.events.onEvent(event);
    else if (this.#isWanted(event)) this.#collected.push(event);
    if (this.#mode === "past" && this.#collected.length === MAX_ROWS) {
      this.stream.close();
      this.#deliver();
    }
  }

  /** What was shown is to be forgotten; the newest events follow. */
  reset(): void {
    this.#mode = "refill";
    this.#collected = [];
  }

  /** All of the past has come. */
  live(): void {
    if (this.#mode !== "tail") this.#deliver();
    this.#mode = "tail";
  }

  #begin(mode: Mode, start: StreamQuery): void {
    this.#mode = mode;
    this.#collected = [];
    this.stream.open([...start, ...(this.#query === undefined ? [] : narrow(this.#query))]);
  }

  #deliver(): void {
    this.events.onAnew(this.#collected);
    this.#collected = [];
  }

  /** The server picks just what the filter lets through. */
  get #isExact(): boolean {
    if (this.#query === undefined) return true;
    const { terms } = this.#query;
    const isPicked = terms.every(
      ({ key, negated }) => !negated && (key === "type" || key === "tenant" || key === "aggregate"),
    );
    return isPicked && narrow(this.#query).length === terms.length;
  }
}
