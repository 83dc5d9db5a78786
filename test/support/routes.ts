import pino from "pino";
import { Registry } from "prom-client";
import { realAmbient } from "../../src/ambient.ts";
import { type Auth, OPEN } from "../../src/auth/open.ts";
import { type CrmOptions, openCrm } from "../../src/crm/context.ts";
import { createPool } from "../../src/db/pool.ts";
import type { HttpMetrics } from "../../src/http/metrics.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { loadAssets } from "../../src/ops/index.ts";
import { OutboxStatus } from "../../src/outbox/index.ts";
import { createRoutes, type HttpLimits } from "../../src/routes.ts";
import { Hub } from "../../src/stream/index.ts";
import { idleAutoheal } from "./autoheal.ts";

/** All routes of the server in this process, on a test's database, without a relay. */
export interface TestRoutes {
  readonly app: ReturnType<typeof createRoutes>;
  /** To be called before the database is dropped. */
  stop(): Promise<void>;
}

export interface TestRoutesOptions {
  readonly http?: Partial<HttpLimits>;
  readonly requireIfMatch?: boolean;
  readonly auth?: Auth;
  readonly autohealToken?: string;
  /** What requests and keyed writes are counted in. */
  readonly metrics?: HttpMetrics;
  readonly keyed?: CrmOptions["keyed"];
}

/** @param url postgres:// URL of a migrated database */
export async function testRoutes(url: string, options: TestRoutesOptions = {}): Promise<TestRoutes> {
  const logger = pino({ level: "silent" });
  const sql = createPool(url, 4, logger);
  const log = new MemoryLog({ topic: "aetherlink.events", partitions: 3, capacity: 1_000, now: Date.now });
  const hub = new Hub({ log, logger, ring: 500, heartbeatMs: 60_000, bufferBytes: 65_536 });
  hub.start();
  await hub.caughtUp;
  const { requireIfMatch = false, http = {}, auth = OPEN, metrics, keyed } = options;
  const app = createRoutes({
    logger,
    ambient: realAmbient,
    hub,
    assets: await loadAssets(),
    crm: openCrm({ sql, ambient: realAmbient, idempotencyTtlMs: 86_400_000, requireIfMatch, committed() {}, keyed }),
    auth,
    registry: new Registry(),
    metrics,
    autoheal: idleAutoheal(sql, options.autohealToken),
    outbox: { sql, status: new OutboxStatus(sql, { state: "leading" }) },
    http,
    health: { version: "1.2.3", page: "/ops/crm-events", checks: async () => [] },
  });
  return {
    app,
    async stop() {
      await hub.stop();
      await sql.end();
    },
  };
}

/** Asks as a tenant; a body is sent as JSON unless it is text already. */
export async function ask(
  app: TestRoutes["app"],
  tenant: string,
  request: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const [method = "", path = ""] = request.split(" ");
  const { body } = options;
  const response = await app.request(path, {
    method,
    headers: {
      "X-Tenant-Id": tenant,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text.startsWith("{") ? JSON.parse(text) : {},
  };
}

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body where it is an object; what the tests look at in it. */
  readonly json: {
    readonly id?: string;
    readonly version?: number;
    readonly type?: string;
    readonly next?: string | null;
    readonly detail?: string;
    readonly data?: Record<string, unknown>[];
    readonly jobs?: { id: string; title: string }[];
    readonly errors?: { pointer?: string; header?: string; parameter?: string; detail: string }[];
  };
}

/** Where each fault of a problem is. */
export function placesOf(answer: Answer): string[] {
  return (answer.json.errors ?? []).map((fault) => fault.pointer ?? fault.header ?? fault.parameter ?? "?");
}
