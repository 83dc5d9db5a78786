import { Hono } from "hono";
import type { AppEnv } from "./env.ts";

/** One part that readiness depends on. */
export interface Check {
  readonly name: string;
  /** A word for people, such as `ok` or `leading`. */
  readonly state: string;
  readonly ok: boolean;
}

export interface HealthDependencies {
  readonly version: string;
  /** Where a browser that opens `/` is sent. */
  readonly page: string;
  /** Looks at every part; must answer soon and not throw. */
  checks(): Promise<Check[]>;
}

/** `GET /` (JSON health; a browser is sent to the page), `/healthz/live`, `/healthz/ready`. */
export function healthRoutes(deps: HealthDependencies) {
  const report = async () => {
    const checks = await deps.checks();
    const ok = checks.every((check) => check.ok);
    const states = Object.fromEntries(checks.map((check) => [check.name, check.state]));
    return {
      ok,
      body: { status: ok ? "ok" : "unavailable", service: "aetherlink", version: deps.version, checks: states },
    };
  };
  return new Hono<AppEnv>()
    .get("/", async (c) => {
      c.header("Vary", "Accept");
      if (c.req.header("accept")?.includes("text/html")) return c.redirect(deps.page, 302);
      const { body } = await report();
      return c.json({ ...body, links: { page: deps.page, stream: "/crm-events", jobs: "/api/crm/jobs" } });
    })
    .get("/healthz/live", (c) => c.json({ status: "ok" }))
    .get("/healthz/ready", async (c) => {
      const { ok, body } = await report();
      return c.json(body, ok ? 200 : 503);
    });
}
