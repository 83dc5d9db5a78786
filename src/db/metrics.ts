import { Gauge, type Registry } from "prom-client";
import { gaugeOf } from "../metrics/read.ts";
import type { Sql } from "./pool.ts";

/**
 * The series of the pool for requests, read from the driver's own queues when somebody asks; the relay, autoheal and the owner's
 * lock have connections of their own beside it.
 */
export function watchPool(registry: Registry, sql: Pick<Sql, "pool">): void {
  new Gauge({
    name: "db_pool_connections",
    help: "Open connections of the pool: busy (a statement or transaction is on it) or idle.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const { busy, idle } = sql.pool();
      this.set({ state: "busy" }, busy);
      this.set({ state: "idle" }, idle);
    },
  });
  gaugeOf(
    {
      registry,
      name: "db_pool_waiting",
      help: "Statements that wait for a connection, or behind another statement on one.",
    },
    () => sql.pool().waiting,
  );
}
