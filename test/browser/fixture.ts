import { Hono } from "hono";
import pino from "pino";
import type { AppEnv, CallerEnv } from "../../src/http/env.ts";
import type { OutgoingRecord } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { formatVector } from "../../src/log/vector.ts";
import { loadAssets, opsRoutes } from "../../src/ops/index.ts";
import { EVERYTHING, Hub, type Matches, streamRoutes } from "../../src/stream/index.ts";
import { calledBy } from "../support/caller.ts";

/** What a test says of an event; the rest is filled in. */
export interface TestEvent {
  readonly type?: string;
  readonly title?: string;
  readonly status?: string | undefined;
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
  /** Makes many happen at once; it does not wait for the stream. */
  publishAll(events: readonly TestEvent[]): Promise<void>;
  /** Closes every open stream; clients are to come back. */
  cutStreams(): Promise<void>;
  /** Answers new streams with 503, as a server that starts does. */
  refuseStreams(refuse: boolean): void;
  /** Leaves new streams without an answer, as a server that hangs does; those that wait are answered when it is over. */
  holdStreams(hold: boolean): void;
  /** The log was deleted and begins anew, empty, so every client is told to forget what it shows. */
  reset(): Promise<void>;
  /** Streams opened so far. */
  readonly streamsOpened: number;
  /** What the last of them asked for. */
  readonly lastStream: URLSearchParams;
  /** What the outbox lists as dead letters. */
  letters: object[];
  /** Vector of next offsets: where the log ends. */
  readonly position: string;
  stop(): Promise<void>;
}

/** Starts a server for the browser test, with `events` already in its log. */
export async function startOpsServer(events: readonly TestEvent[] = []): Promise<OpsServer> {
  const server = new LogServer();
  await server.start();
  for (const event of events) await server.publish(event);
  return server;
}

/** Short, so that the test does not wait. */
const RETRY_MS = 50;

/** The page and the real stream on the in-process log, without the API and its database. */
class LogServer implements OpsServer {
  streamsOpened = 0;
  lastStream = new URLSearchParams();
  letters: object[] = [];
  #now = 0;
  #refuse = false;
  #held: PromiseWithResolvers<void> | undefined;
  #log = this.#createLog();
  #hub = this.#createHub();
  #server: Bun.Server<undefined> | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  get position(): string {
    return this.#hub.snapshot(0).lastEventId;
  }

  async start(): Promise<void> {
    const assets = await loadAssets();
    this.#hub.start();
    await this.#hub.caughtUp;
    const app = new Hono<AppEnv>();
    const snapshot = (_: unknown, wanted: Matches) => this.#hub.snapshot(500, EVERYTHING, wanted);
    const page = opsRoutes({ assets, snapshot, outbox: async () => this.#overview() });
    app.route("/", new Hono<CallerEnv>().use(calledBy()).route("/", page));
    app.get("/api/ops/outbox", (c) => c.json(this.#overview().report));
    app.get("/api/ops/outbox/dead-letters", (c) => c.json({ data: this.letters, next: null }));
    app.use("/crm-events", async (c, next) => {
      this.streamsOpened += 1;
      this.lastStream = new URL(c.req.url).searchParams;
      await this.#held?.promise;
      return this.#refuse ? new Response("starting", { status: 503 }) : await next();
    });
    app.all("/crm-events", (c) => streamRoutes(this.#hub, () => EVERYTHING).fetch(c.req.raw, c.env));
    const fetch = (request: Request, server: Bun.Server<undefined>) => app.fetch(request, { server });
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
  }

  async publish(event: TestEvent): Promise<void> {
    this.#now = event.timestamp ?? Date.now();
    await this.#log.publish([record(event, this.#now)]);
    const end = formatVector(new Map((await this.#log.watermarks()).map(({ partition, high }) => [partition, high])));
    while (this.position !== end) await new Promise((resolve) => setImmediate(resolve));
  }

  async publishAll(events: readonly TestEvent[]): Promise<void> {
    this.#now = Date.now();
    await this.#log.publish(events.map((event) => record(event, this.#now)));
  }

  async cutStreams(): Promise<void> {
    this.#hub.closeClients();
  }

  refuseStreams(refuse: boolean): void {
    this.#refuse = refuse;
  }

  holdStreams(hold: boolean): void {
    this.#held?.resolve();
    this.#held = hold ? Promise.withResolvers<void>() : undefined;
  }

  async reset(): Promise<void> {
    const before = this.#hub;
    this.#log = this.#createLog();
    this.#hub = this.#createHub();
    this.#hub.start();
    await this.#hub.caughtUp;
    await before.stop();
  }

  async stop(): Promise<void> {
    this.holdStreams(false);
    await this.#hub.stop();
    await this.#log.stop();
    await this.#server?.stop(true);
  }

  #overview() {
    const { letters } = this;
    const report = {
      backlog: letters.length,
      oldestUnpublishedAgeSeconds: letters.length === 0 ? 0 : 90,
      deadLetters: letters.length,
      blockedAggregates: letters.length,
      relay: { state: "leading" },
    };
    return { report, letters };
  }

  #createLog(): MemoryLog {
    return new MemoryLog({ topic: "aetherlink.events", partitions: 3, capacity: 10_000, now: () => this.#now });
  }

  #createHub(): Hub {
    const logger = pino({ level: "silent" });
    return new Hub({
      log: this.#log,
      logger,
      ring: 500,
      heartbeatMs: 15_000,
      bufferBytes: 1_048_576,
      retryMs: RETRY_MS,
    });
  }
}

function record(event: TestEvent, timestamp: number): OutgoingRecord {
  const eventType = event.type ?? "JobCreated";
  const aggregateId = Bun.randomUUIDv7();
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
  const written = "value" in event ? event.value : value;
  return {
    key: aggregateId,
    value: written === null ? null : JSON.stringify(written),
    headers: {
      ce_id: value.eventId,
      ce_type: eventType,
      ce_tenantid: value.tenantId,
      "content-type": "application/json",
    },
  };
}
