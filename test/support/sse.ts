/** One dispatched event of a stream. */
export interface SseEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

/**
 * Reads Server-Sent Events as a browser does:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseReader {
  /** Every event dispatched so far. */
  readonly events: SseEvent[] = [];
  /** Every comment so far. */
  readonly comments: string[] = [];
  /** The id that a reconnect would send. */
  lastEventId = "";
  /** Milliseconds of the last `retry:`. */
  retryMs: number | undefined;
  /** True when the stream has ended. */
  ended = false;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
  /** The line before ended with a CR: an LF now belongs to it. */
  #sawReturn = false;
  #type = "";
  #data: string[] = [];
  #id = "";
  #change = Promise.withResolvers<void>();

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    void this.#pump();
  }

  /** Resolves once `condition` holds; rejects when the stream ends before. */
  async until(condition: (reader: SseReader) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.ended) throw new Error(`the stream ended after ${this.events.length} events`);
      await this.#change.promise;
    }
  }

  /** Resolves when the stream has ended. */
  async end(): Promise<void> {
    while (!this.ended) await this.#change.promise;
  }

  /** Closes the connection from the client's side. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  /** Domain events only, parsed. */
  get frames(): { offset: number; partition: number; value: Record<string, unknown> }[] {
    return this.events.filter((event) => event.type === "message").map((event) => JSON.parse(event.data));
  }

  async #pump(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        this.#text += decoder.decode(value, { stream: true });
        this.#parse();
        this.#changed();
      }
    } catch {
      // A connection that was cut ends the stream as well.
    }
    this.ended = true;
    this.#changed();
  }

  #parse(): void {
    // The decoder took a byte order mark away already.
    for (;;) {
      if (this.#sawReturn && this.#text !== "") {
        this.#sawReturn = false;
        if (this.#text.startsWith("\n")) this.#text = this.#text.slice(1);
      }
      const end = this.#text.search(/[\r\n]/);
      if (end < 0) return;
      const line = this.#text.slice(0, end);
      this.#sawReturn = this.#text[end] === "\r";
      this.#text = this.#text.slice(end + 1);
      this.#take(line);
    }
  }

  #take(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    else if (colon === 0) this.comments.push(line.slice(1).trim());
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      this.events.push({ type: this.#type || "message", data: this.#data.join("\n"), id: this.lastEventId });
    }
    this.#type = "";
    this.#data = [];
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
