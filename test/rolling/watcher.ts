/** A frame's id, which event it is, and whether it brings data. */
const FRAME = /^(?:event: (\w+)\n)?id: (.*)\n(data)?/gm;
const RETRY = /^retry: (\d+)$/gm;

/**
 * A stream that stays open as a browser's does: it comes back where it stopped, when it was told to. It looks at the ids
 * alone: each event moves exactly one partition by exactly one.
 */
export class Watcher {
  /** Whatever a browser would not have taken, or its user would have noticed. */
  readonly faults: string[] = [];
  /** Events seen. */
  seen = 0;
  /** Times that the stream was ended, and opened again. */
  reconnects = 0;
  readonly #url: string;
  readonly #abort = new AbortController();
  #position: ReadonlyMap<string, number> | undefined;
  #lastEventId = "";
  #retryMs = 0;
  #opened = Promise.withResolvers<void>();
  #done: Promise<void> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when the stream has a position, from which it misses nothing. */
  async start(): Promise<void> {
    this.#done = this.#follow();
    await this.#opened.promise;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#read(signal);
      } catch (error) {
        if (!signal.aborted) this.faults.push(String(error));
      }
      if (signal.aborted) return;
      this.reconnects += 1;
      await Bun.sleep(this.#retryMs);
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const headers = { Accept: "text/event-stream", "Accept-Encoding": "identity", "Last-Event-ID": this.#lastEventId };
    const response = await fetch(`${this.#url}/crm-events`, { headers, signal });
    if (response.status !== 200 || response.body === null) throw new Error(`a stream was answered ${response.status}`);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      const end = text.lastIndexOf("\n\n") + 2;
      if (end < 2) continue;
      this.#take(text.slice(0, end));
      text = text.slice(end);
    }
    if (text !== "") this.faults.push("a stream ended in the middle of a frame");
  }

  #take(text: string): void {
    for (const [, ms] of text.matchAll(RETRY)) this.#retryMs = Number(ms);
    for (const [, event, id = "", data] of text.matchAll(FRAME)) {
      const position = new Map(id.split(",").map((part) => [part.split(":")[0] ?? "", Number(part.split(":")[1])]));
      if (event === "reset") this.faults.push("a stream had to begin anew");
      else this.#check(position, event === undefined && data !== undefined ? 1 : 0);
      this.#position = position;
      this.#lastEventId = id;
      this.#opened.resolve();
    }
  }

  #check(position: ReadonlyMap<string, number>, events: number): void {
    this.seen += events;
    if (this.#position === undefined) return;
    const moved = [...position].map(([partition, offset]) => offset - (this.#position?.get(partition) ?? 0));
    const isNext = moved.every((by) => by >= 0) && moved.reduce((sum, by) => sum + by, 0) === events;
    if (!isNext) this.faults.push(`${events === 1 ? "an event" : "a heartbeat"} moved the partitions by ${moved}`);
  }
}
