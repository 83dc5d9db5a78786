import { expect, test } from "bun:test";
import { Hono } from "hono";
import type { Outcome } from "../metrics/tracing/tracing.ts";
import type { AppEnv } from "./env.ts";
import { requestOutcome } from "./traced.ts";

/** What the span of a request would be told. */
async function outcomeOf(path: string, method = "GET"): Promise<Outcome | undefined> {
  let outcome: Outcome | undefined;
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    c.set("requestId", "request-1");
    await next();
    outcome = requestOutcome(c, 42);
  });
  app.use("/api/*", async (c, next) => {
    c.set("identity", { principal: "alice", tenantId: "tenant-1" });
    await next();
  });
  app.get("/api/:status", (c) => new Response(null, { status: Number(c.req.param("status")) }));
  await app.request(path, { method });
  return outcome;
}

test("a fault of the server's is an error, one of the caller's is none", async () => {
  expect((await outcomeOf("/api/503"))?.error).toBe("status 503");
  for (const status of [204, 304, 404, 429]) expect((await outcomeOf(`/api/${status}`))?.error).toBeUndefined();
});

test("the span is named for the route, and has the path, the status, the tenant and the request's id", async () => {
  expect(await outcomeOf("/api/204")).toEqual({
    name: "GET /api/:status",
    endMs: 42,
    attributes: {
      "http.request.method": "GET",
      "http.response.status_code": 204,
      "http.route": "/api/:status",
      "url.path": "/api/204",
      "aetherlink.request.id": "request-1",
      "aetherlink.tenant.id": "tenant-1",
    },
    error: undefined,
  });
});

test("a request that no route takes is named for its method alone", async () => {
  const outcome = await outcomeOf("/secret/path", "PUT");
  expect(outcome?.name).toBe("PUT");
  expect(Object.keys(outcome?.attributes ?? {})).not.toContain("http.route");
});
