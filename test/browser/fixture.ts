import { Hono } from "hono";
import { loadAssets, opsRoutes } from "../../src/ops/index.ts";

/** What a test says of an event; the rest is filled in. */
export interface TestEvent {
  readonly type?: string;
  readonly title?: string;
  readonly status?: string;
  readonly tenantId?: string;
  /** In place of an event of ours: what a foreign producer wrote. */
  readonly value?: unknown;
  /** Milliseconds since 1970. */
  readonly timestamp?: number;
}

/** A server that serves the ops page and its stream, as the browser test drives it. */
export interface OpsServer {
  readonly url: string;
  /** Makes an event happen; it is in the log when this resolves. */
  publish(event: TestEvent): Promise<void>;
  /** Closes every open stream; clients are to come back. */
  cutStreams(): Promise<void>;
  /** Answers new streams with 503, as a server that starts does. */
  refuseStreams(refuse: boolean): void;
  /** The log was deleted and begins anew, empty, so every client is told to forget what it shows. */
  reset(): Promise<void>;
  /** Streams opened so far. */
  readonly streamsOpened: number;
  stop(): Promise<void>;
}

/** Starts a server for the browser test, with `events` already in its log. */
export async function startOpsServer(events: readonly TestEvent[] = []): Promise<OpsServer> {
  const server = new FixtureServer();
  for (const event of events) await server.publish(event);
  await server.start();
  return server;
}

const TOPIC = "aetherlink.events";
const PARTITIONS = 3;
const NEWEST = 500;
/** Short, so that the test does not wait. */
const RETRY_MS = 50;

interface Entry {
  readonly json: string;
  /** Vector of next offsets behind this event. */
  readonly id: string;
}

/** The page's routes beside a log and a stream that keep to the wire format and do no more. */
class FixtureServer implements OpsServer {
  streamsOpened = 0;
  readonly #log: Entry[] = [];
  readonly #next = Array.from({ length: PARTITIONS }, () => 0);
  readonly #clients = new Set<ReadableStreamDefaultController<string>>();
  #refuse = false;
  #server: Bun.Server<undefined> | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  async start(): Promise<void> {
    const app = new Hono();
    const assets = await loadAssets();
    app.route("/", opsRoutes({ assets, snapshot: () => this.#snapshot() }));
    app.get("/crm-events", (c) => this.#open(c.req.header("last-event-id") ?? c.req.query("lastEventId")));
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: app.fetch });
  }

  async publish(event: TestEvent): Promise<void> {
    const partition = this.#log.length % PARTITIONS;
    const offset = this.#next[partition] ?? 0;
    this.#next[partition] = offset + 1;
    const entry = { json: JSON.stringify(frame(event, partition, offset)), id: this.#id() };
    this.#log.push(entry);
    for (const client of this.#clients) client.enqueue(encode(entry));
  }

  async cutStreams(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }

  refuseStreams(refuse: boolean): void {
    this.#refuse = refuse;
  }

  async reset(): Promise<void> {
    this.#log.length = 0;
    this.#next.fill(0);
    for (const client of this.#clients) client.enqueue(`event: reset\nid: ${this.#id()}\ndata: {}\n\n`);
  }

  async stop(): Promise<void> {
    await this.cutStreams();
    await this.#server?.stop(true);
  }

  #id(): string {
    return this.#next.map((offset, partition) => `${partition}:${offset}`).join(",");
  }

  #snapshot() {
    return { topic: TOPIC, events: this.#log.slice(-NEWEST).map(({ json }) => json), lastEventId: this.#id() };
  }

  #open(lastEventId: string | undefined): Response {
    this.streamsOpened += 1;
    if (this.#refuse) return new Response("starting", { status: 503 });
    // As the real stream: without a position only what comes from now on.
    const seen = this.#log.findLastIndex(({ id }) => id === lastEventId);
    const missed = lastEventId === undefined ? [] : this.#log.slice(seen + 1);
    let own: ReadableStreamDefaultController<string> | undefined;
    const body = new ReadableStream<string>({
      start: (controller) => {
        own = controller;
        controller.enqueue(`retry: ${RETRY_MS}\n\n`);
        for (const entry of missed) controller.enqueue(encode(entry));
        this.#clients.add(controller);
      },
      cancel: () => {
        if (own !== undefined) this.#clients.delete(own);
      },
    });
    return new Response(body.pipeThrough(new TextEncoderStream()), {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store" },
    });
  }
}

function encode({ id, json }: Entry): string {
  return `id: ${id}\ndata: ${json}\n\n`;
}

function frame(event: TestEvent, partition: number, offset: number) {
  const eventType = event.type ?? "JobCreated";
  const aggregateId = Bun.randomUUIDv7();
  const timestamp = event.timestamp ?? Date.now();
  const value = {
    eventId: Bun.randomUUIDv7(),
    eventType,
    tenantId: event.tenantId ?? "12345678-1234-1234-1234-123456789012",
    aggregateType: /^(Job|Account|Contact)/.exec(eventType)?.[1] ?? "Job",
    aggregateId,
    version: 1,
    occurredAt: new Date(timestamp).toISOString(),
    data: { title: event.title ?? "Test Job", ...(event.status === undefined ? {} : { status: event.status }) },
  };
  return {
    kind: "domain_event",
    topic: TOPIC,
    partition,
    offset,
    timestamp,
    key: aggregateId,
    value: "value" in event ? event.value : value,
    headers: { ce_id: value.eventId, ce_type: eventType, "content-type": "application/json" },
  };
}
