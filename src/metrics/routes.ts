import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { AppEnv } from "../http/env.ts";

/** `GET /metrics` in Prometheus' text format. */
export function metricsRoutes(registry: Registry) {
  return new Hono<AppEnv>().get("/metrics", async (c) =>
    c.body(await registry.metrics(), 200, { "Content-Type": registry.contentType }),
  );
}
