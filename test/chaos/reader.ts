import { eventOf } from "../support/kafka.ts";
import { SseReader } from "../support/sse.ts";
import type { SeenEvent } from "./verdict.ts";
import type { Target } from "./writer.ts";

/** Milliseconds before the next try, where a browser takes what `retry:` says; shorter, so that more reconnects are seen. */
const RETRY_MS = 100;

/**
 * A client of the event stream, as EventSource is one: when the connection ends it comes back with the last event id. Behind
 * a balancer that may be to another server, so after a failure it goes to the next.
 */
export class StreamReader {
  /** Every event in the order of arrival, over all connections. */
  readonly events: SeenEvent[] = [];
  /** When each came, in milliseconds. */
  readonly arrivals: number[] = [];
  connections = 0;
  /** Times that the server could not go on where the reader had stopped. */
  resets = 0;
  readonly #ids = new Set<string>();
  #lastEventId = "";
  #stopping = false;
  #abort = new AbortController();
  #done: Promise<void> | undefined;

  /** @param targets servers in the order of preference */
  constructor(
    readonly name: string,
    private readonly targets: readonly Target[],
  ) {}

  start(): void {
    this.#done = this.#run();
  }

  has(eventId: string): boolean {
    return this.#ids.has(eventId);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt++) {
      const target = this.targets[attempt % this.targets.length];
      await this.#connect(target?.url ?? "").catch(() => {});
      await Bun.sleep(RETRY_MS);
    }
  }

  async #connect(url: string): Promise<void> {
    this.#abort = new AbortController();
    const headers: Record<string, string> = this.#lastEventId === "" ? {} : { "Last-Event-ID": this.#lastEventId };
    const response = await fetch(`${url}/crm-events`, { headers, signal: this.#abort.signal });
    if (response.status !== 200 || response.body === null) return;
    this.connections++;
    const sse = new SseReader(response.body);
    for (let taken = 0; ; ) {
      // An end of the stream rejects, with what had come before it in place.
      const ended = await sse
        .until(({ events }) => events.length > taken)
        .then(
          () => false,
          () => true,
        );
      for (const event of sse.events.slice(taken)) {
        taken++;
        if (event.id !== "") this.#lastEventId = event.id;
        if (event.type === "reset") this.resets++;
        if (event.type !== "message") continue;
        const seen = eventOf(JSON.stringify(JSON.parse(event.data).value));
        this.events.push(seen);
        this.arrivals.push(performance.now());
        this.#ids.add(seen.eventId);
      }
      if (ended) return;
    }
  }
}
