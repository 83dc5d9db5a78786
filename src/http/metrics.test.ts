import { expect, test } from "bun:test";
import { Hono } from "hono";
import { Registry } from "prom-client";
import { HttpMetrics } from "./metrics.ts";
import { latencyRoute, routeTemplate } from "./route-template.ts";

/** An app that counts its requests; `/odd/:status` answers with that status. */
function counted() {
  const registry = new Registry();
  const metrics = new HttpMetrics(registry);
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    metrics.answered(c, 0.05);
  });
  app.use("/api/*", async (_, next) => await next());
  app.get("/api/crm/jobs/:id", (c) => c.text("job"));
  app.post("/api/crm/jobs:batch", (c) => c.text("jobs"));
  app.get("/crm-events", (c) => c.text("stream"));
  app.get("/odd/:status", (c) => new Response(null, { status: Number(c.req.param("status")) }));
  return { app, metrics, text: () => registry.metrics() };
}
const seriesOf = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

test("requests are counted by the template of their route and the class of their status", async () => {
  const { app, text } = counted();
  for (const id of ["1", "2", "a%2Fb"]) await app.request(`/api/crm/jobs/${id}`);
  await app.request("/api/crm/jobs/1", { method: "HEAD" });
  await app.request("/api/crm/jobs:batch", { method: "POST" });
  for (const status of [204, 301, 404, 503]) await app.request(`/odd/${status}`);
  expect(seriesOf(await text()).filter((line) => line.startsWith("http_requests_total"))).toEqual([
    'http_requests_total{method="GET",route="/api/crm/jobs/:id",status="2xx"} 4',
    'http_requests_total{method="POST",route="/api/crm/jobs:batch",status="2xx"} 1',
    'http_requests_total{method="GET",route="/odd/:status",status="2xx"} 1',
    'http_requests_total{method="GET",route="/odd/:status",status="3xx"} 1',
    'http_requests_total{method="GET",route="/odd/:status",status="4xx"} 1',
    'http_requests_total{method="GET",route="/odd/:status",status="5xx"} 1',
  ]);
});

test("durations are kept of the CRM, where the entities share a template, and not of streams", async () => {
  const { app, text } = counted();
  await app.request("/api/crm/jobs/1");
  await app.request("/crm-events");
  await app.request("/nothing/here");
  const counts = seriesOf(await text()).filter((line) => line.startsWith("http_request_duration_seconds_count"));
  expect(counts).toEqual(['http_request_duration_seconds_count{method="GET",route="/api/crm/:entity/:id"} 1']);
  expect(await text()).toContain('le="0.25",method="GET",route="/api/crm/:entity/:id"} 1');
});

test.each([
  ["/assets/ops-340b831d09d7.css", "/assets/:file", undefined],
  ["/api/crm/jobs:batch", "/api/crm/jobs:batch", "/api/crm/jobs:batch"],
  ["/api/crm/contacts/:id/events", "/api/crm/contacts/:id/events", "/api/crm/:entity/:id/events"],
  ["/api/ops/outbox/dead-letters/:eventId/requeue", "/api/ops/outbox/dead-letters/:eventId/requeue", "/api/ops/*"],
  ["/autoheal/events", "/autoheal/events", undefined],
  ["/autoheal/alert", "/autoheal/alert", undefined],
  ["/healthz/live", "/healthz/live", undefined],
])("%s is counted as %s and timed as %s", (path, template, timed) => {
  expect(routeTemplate(path)).toBe(template);
  expect(latencyRoute(template)).toBe(timed as string);
});

test("what no route takes is one series a class of status, whatever is asked for", async () => {
  const { app, metrics, text } = counted();
  for (const method of ["GET", "PUT", "MADE-UP"]) await app.request(`/${crypto.randomUUID()}`, { method });
  await app.request("/api/crm/jobs/1", { method: "DELETE" });
  metrics.refused(503);
  expect(seriesOf(await text())).toEqual([
    'http_requests_total{method="any",route="unrouted",status="4xx"} 4',
    'http_requests_total{method="any",route="unrouted",status="5xx"} 1',
  ]);
});

test("the API's routes have their series before their first request, so that the first failure shows as an increase", async () => {
  const { app, metrics, text } = counted();
  metrics.know(app.routes);
  expect(seriesOf(await text()).filter((line) => line.startsWith("http_requests_total"))).toEqual([
    'http_requests_total{method="GET",route="/api/crm/jobs/:id",status="2xx"} 0',
    'http_requests_total{method="GET",route="/api/crm/jobs/:id",status="5xx"} 0',
    'http_requests_total{method="POST",route="/api/crm/jobs:batch",status="2xx"} 0',
    'http_requests_total{method="POST",route="/api/crm/jobs:batch",status="5xx"} 0',
  ]);
});
