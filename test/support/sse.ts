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
  /** The id that a reconnect would send. */
  lastEventId = "";
  /** Milliseconds of the last `retry:`. */
  retryMs: number | undefined;
  /** True when the stream has ended. */
  ended = false;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
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
    const blocks = this.#text.split(/\r\n\r\n|\n\n|\r\r/);
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) this.#dispatch(block);
  }

  #dispatch(block: string): void {
    let type = "message";
    const data: string[] = [];
    for (const line of block.split(/\r\n|\n|\r/)) {
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
      if (field === "event") type = value;
      else if (field === "data") data.push(value);
      else if (field === "id") this.lastEventId = value;
      else if (field === "retry") this.retryMs = Number(value);
    }
    if (data.length > 0) this.events.push({ type, data: data.join("\n"), id: this.lastEventId });
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
