import { Hono } from "hono";
import pino from "pino";
import { realAmbient } from "../../src/ambient.ts";
import { requestContext } from "../../src/http/context.ts";
import type { AppEnv } from "../../src/http/env.ts";
import { onError } from "../../src/http/errors.ts";
import { HttpServer } from "../../src/http/server.ts";
import type { EventLog, OutgoingRecord } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { HubOptions } from "../../src/stream/hub.ts";
import { EVERYTHING, Hub, streamRoutes } from "../../src/stream/index.ts";
import { positionsOf } from "../support/positions.ts";

/** The stream as it is served: a log, the hub on it, and the route on a port of its own. */
export class StreamWorld {
  /** Every event published, in order, by its number. */
  readonly published: { readonly n: number; readonly key: string; readonly type: string }[] = [];
  readonly #http: HttpServer;

  private constructor(
    readonly log: EventLog,
    readonly hub: Hub,
    http: HttpServer,
  ) {
    this.#http = http;
  }

  /** @param log default: one in memory */
  static async start(options: Partial<HubOptions> = {}, log: EventLog = memoryLog()): Promise<StreamWorld> {
    const logger = pino({ level: "silent" });
    await log.start();
    const hub = new Hub({ log, logger, ring: 500, heartbeatMs: 60_000, bufferBytes: 1_048_576, ...options });
    hub.start();
    await hub.caughtUp;
    const app = new Hono<AppEnv>().use(requestContext(logger, realAmbient));
    app.onError(onError);
    app.route(
      "/",
      streamRoutes(hub, () => EVERYTHING),
    );
    const http = new HttpServer("127.0.0.1", 0, logger);
    await http.listen();
    http.open(app);
    return new StreamWorld(log, hub, http);
  }

  /** Without path. */
  get url(): string {
    return this.#http.url.replace("localhost", "127.0.0.1");
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Publishes events of seven aggregates: a job three times out of four, else an account. */
  async publish(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => this.#next());
    positionsOf(await this.log.publish(records));
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    await this.#http.stop();
    await this.log.stop();
  }

  #next(): OutgoingRecord {
    const n = this.published.length;
    const [key, type] = [`key-${n % 7}`, n % 4 === 3 ? "AccountCreated" : "JobCreated"];
    this.published.push({ n, key, type });
    return { key, value: JSON.stringify({ n, text: "é😀" }), headers: { ce_id: crypto.randomUUID(), ce_type: type } };
  }
}

export function memoryLog(): MemoryLog {
  return new MemoryLog({ topic: "test", partitions: 3, capacity: 100_000, now: Date.now });
}
