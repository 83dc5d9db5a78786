import pino from "pino";
import { Registry } from "prom-client";
import { realAmbient } from "../../src/ambient.ts";
import { openAuth } from "../../src/auth/open.ts";
import { readConfig } from "../../src/config.ts";
import { openCrm } from "../../src/crm/context.ts";
import { createPool } from "../../src/db/pool.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { loadAssets } from "../../src/ops/index.ts";
import { OutboxStatus } from "../../src/outbox/index.ts";
import { createRoutes } from "../../src/routes.ts";
import { Hub } from "../../src/stream/index.ts";
import { idleAutoheal } from "../support/autoheal.ts";
import { testDatabase } from "../support/postgres.ts";

/** All routes on a real database, with a clock that a test can move, on a real port. */
export async function startWorld(env: Record<string, string>) {
  const db = await testDatabase();
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  const sql = createPool(db.url, 4, logger);
  const clock = { aheadMs: 0 };
  const ambient = { ...realAmbient, now: () => new Date(Date.now() + clock.aheadMs) };
  const log = new MemoryLog({ topic: "test", partitions: 3, capacity: 1_000, now: Date.now });
  const hub = new Hub({ log, logger, ring: 500, heartbeatMs: 60_000, bufferBytes: 65_536 });
  hub.start();
  await hub.caughtUp;
  const app = createRoutes({
    logger,
    ambient,
    hub,
    auth: openAuth(readConfig(env), logger, ambient),
    assets: await loadAssets({ script: "" }),
    crm: openCrm({ sql, ambient, idempotencyTtlMs: 86_400_000, requireIfMatch: false, committed() {} }),
    registry: new Registry(),
    autoheal: idleAutoheal(sql, env.AUTOHEAL_TOKEN),
    outbox: { sql, status: new OutboxStatus(sql, { state: "leading" }) },
    health: { version: "1.2.3", page: "/ops/crm-events", checks: async () => [] },
  });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => app.fetch(request, { server }),
  });
  return {
    clock,
    lines,
    log,
    hub,
    db,
    url: server.url.origin,
    async stop() {
      await hub.stop();
      await server.stop(true);
      await sql.end();
      await db.drop();
    },
  };
}

export type World = Awaited<ReturnType<typeof startWorld>>;
