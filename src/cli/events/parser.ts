/** One dispatched event of a stream. */
export interface StreamEvent {
  /** `message` where the server names none. */
  readonly type: string;
  readonly data: string;
}

/**
 * Takes a stream of Server-Sent Events apart, however it is cut into pieces:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventParser {
  /** What a reconnect sends as Last-Event-ID; empty before the first id. */
  lastEventId = "";
  /** Milliseconds to wait before a reconnect, as the server last said it. */
  retryMs: number | undefined;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #id = "";
  #type = "";
  #data: string[] = [];

  /** @returns the events that the piece completes, each with the id that stands once it was taken */
  *push(piece: Uint8Array): Generator<StreamEvent> {
    const text = this.#rest + this.#decoder.decode(piece, { stream: true });
    // A CR at the very end may be half of a line end: it waits for what comes.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.#take(line);
      else yield* this.#dispatch();
    }
  }

  *#dispatch(): Generator<StreamEvent> {
    this.lastEventId = this.#id;
    const event = { type: this.#type || "message", data: this.#data.join("\n") };
    const isEvent = this.#data.length > 0;
    this.#type = "";
    this.#data = [];
    if (isEvent) yield event;
  }

  #take(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
  }
}
