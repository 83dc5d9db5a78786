import pino from "pino";
import { Registry } from "prom-client";
import { realAmbient } from "../../src/ambient.ts";
import { Autoheal, type AutohealRouteDependencies } from "../../src/autoheal/index.ts";
import type { Sql } from "../../src/db/pool.ts";

/** What the routes of autoheal need, where it is not started: it leads nothing and does nothing. */
export function idleAutoheal(sql: Sql, token?: string): AutohealRouteDependencies {
  const autoheal = new Autoheal({
    openSession: () => Promise.reject(new Error("it is not started")),
    sql,
    logger: pino({ level: "silent" }),
    ambient: realAmbient,
    registry: new Registry(),
    parts: {
      sql,
      log: { topic: "test", watermarks: async () => [] },
      relay: { state: "stopped", restart: async () => true },
      hub: { head: new Map(), isCaughtUp: true, restartReader() {} },
    },
    file: "/nonexistent/autoheal.json",
    replica: "test",
  });
  return { sql, autoheal, token };
}
