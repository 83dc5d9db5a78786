/** A real server is asked for everything that it has, and for much that it has not: neither may make series without end. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { routeTemplate } from "../../src/http/route-template.ts";
import type { BrokerStatistics, Statistics } from "../../src/kafka/index.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { testRoutes } from "../support/routes.ts";
import { RunningServer } from "../support/server.ts";
import { documented } from "./document.ts";
import { allSeries, sampleOf, seriesOf } from "./world.ts";

/** The bar. */
const MAX_SERIES = 400;
const TENANT = "12345678-1234-1234-1234-123456789012";

let db: TestDatabase;
let server: RunningServer;
/** Method and path with parameters of every route, as Hono has them. */
let routes: readonly (readonly [method: string, path: string])[];
beforeAll(async () => {
  db = await testDatabase();
  const inProcess = await testRoutes(db.url);
  const unique = new Set(
    inProcess.app.routes.flatMap(({ method, path }) => (method === "ALL" ? [] : `${method} ${path}`)),
  );
  routes = [...unique].map((route) => {
    const [method = "", path = ""] = route.split(" ");
    return [method, path] as const;
  });
  await inProcess.stop();
  server = await new RunningServer({
    env: { DATABASE_URL: db.url, AUTOHEAL_TOKEN: "a-token-of-the-test", LOG_LEVEL: "info" },
  }).ready();
}, 60_000);
afterAll(async () => {
  await server.stop();
  await db.drop();
});

const scrape = async () => await (await fetch(`${server.url}/metrics`)).text();

/** Asks, and lets go of the answer: it may be a stream. */
async function ask(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<number> {
  const given = new AbortController();
  const headers = { "Content-Type": "application/json", "X-Tenant-Id": TENANT, ...init.headers };
  const response = await fetch(`${server.url}${path}`, { ...init, headers, signal: given.signal, redirect: "manual" });
  given.abort();
  return response.status;
}

test("when every route was used, well and badly, there are under 400 series, and each route has one", async () => {
  const statuses = new Map<string, number[]>();
  for (const [method, path] of routes) {
    const real = routeTemplate(path).startsWith("/assets/") ? path : routeTemplate(path);
    const filled = real.replaceAll(/:[A-Za-z]+Id\b|:id\b/g, crypto.randomUUID());
    const body = method === "GET" || method === "DELETE" ? undefined : JSON.stringify(bodyFor(filled));
    const well = await ask(filled, { method, ...(body === undefined ? {} : { body }) });
    const badly = await ask(`${filled}?nonsense=1&cursor=x`, { method, ...(body === undefined ? {} : { body: "{" }) });
    statuses.set(`${method} ${path}`, [well, badly]);
  }
  // Some were written, so that they can be read and changed.
  expect(statuses.get("POST /api/crm/jobs")).toEqual([201, 400]);
  expect(statuses.get("POST /api/crm/jobs:batch")).toEqual([201, 400]);
  const text = await scrape();
  for (const [method, path] of routes) {
    if (path === "/metrics") continue;
    const labels = `method="${method}",route="${routeTemplate(path)}"`;
    const counts = [2, 3, 4, 5].map(
      (status) => sampleOf(text, `http_requests_total{${labels},status="${status}xx"}`) ?? 0,
    );
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect({ method, path, counted: total >= 2 }).toEqual({ method, path, counted: true });
  }
  expect(seriesOf(text).length).toBeLessThan(MAX_SERIES);
});

test("a flood of paths, methods, tenants, keys, types and bodies makes no series", async () => {
  await flood("wordone");
  const before = seriesOf(await scrape());
  await flood("wordtwo");
  const text = await scrape();
  expect(seriesOf(text).filter((series) => !before.includes(series))).toEqual([]);
  expect(seriesOf(text).length).toBeLessThan(MAX_SERIES);
  expect(seriesOf(text).filter((series) => /wordone|wordtwo/i.test(series))).toEqual([]);
  expect(sampleOf(text, 'http_requests_total{method="any",route="unrouted",status="4xx"}')).toBeGreaterThan(200);
  // What was well-formed was taken.
  for (const route of ["/api/crm/jobs", "/autoheal/alert"]) {
    expect(sampleOf(text, `http_requests_total{method="POST",route="${route}",status="2xx"}`)).toBeGreaterThan(30);
  }
}, 60_000);

test("the server tells of all that the documentation lists, and of nothing else", async () => {
  const text = await scrape();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? "");
  const expected = (await documented()).map(({ name }) => name).filter((name) => !name.startsWith("kafka_"));
  expect(names.toSorted()).toEqual(expected.toSorted());
});

test("even with Kafka, and every route answered in every way that it can be, there are under 400 series", async () => {
  const series = allSeries(db);
  const { app, stop } = await testRoutes(db.url, { metrics: series.http });
  await stop();
  for (const route of app.routes.filter(({ method }) => method !== "ALL")) {
    const known = route.method === "GET" && route.path.endsWith("/:id") ? [304] : [];
    for (const status of [200, 404, 503, ...known]) series.http.count(route, status, 0.01);
  }
  for (const status of [204, 404, 503]) series.http.refused(status);
  series.kafka?.statistics(reportOf({ nodeid: 1, state: "UP", rtt: { cnt: 1, p99: 1 } }));
  const text = await series.registry.metrics();
  expect(seriesOf(text)).toContain("kafka_broker_round_trip_seconds");
  expect(seriesOf(text).length).toBeLessThan(MAX_SERIES);
});

const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const random = () => crypto.randomUUID();

/** Some hundred requests, each with something that nobody else sends. */
async function flood(word: string): Promise<void> {
  const job = (i: number) => `/api/crm/jobs/${random()}${i % 2 === 0 ? "" : `/${word}`}`;
  for (let i = 0; i < 60; i++) {
    const method = METHODS[i % METHODS.length] ?? "";
    const text = `${word}-${random()}`;
    await Promise.all([
      ask(`/${text}/${random()}`, { method }),
      ask(`/api/crm/${text}`, { method }),
      ask(`/assets/${text}.js`, { method }),
      ask(job(i), { method }),
      ask("/api/crm/jobs", {
        method: "POST",
        headers: { "X-Tenant-Id": i % 2 === 0 ? random() : text, "Idempotency-Key": text },
        body: JSON.stringify({ title: text, status: i % 3 === 0 ? text : "Open", attributes: { [text]: text } }),
      }),
      ask(`/api/crm/accounts?${text}=${text}`, { headers: { Accept: text, "Content-Type": text, traceparent: text } }),
      ask(`/crm-events?type=${text}*&tenant=${random()}`, { headers: { "Last-Event-ID": text } }),
      ask(`/autoheal/alert`, { method: "POST", headers: { Authorization: `Bearer ${text}` }, body: `{"${text}":1}` }),
      ask(`/autoheal/alert`, {
        method: "POST",
        headers: { Authorization: "Bearer a-token-of-the-test" },
        body: JSON.stringify(alertOf(text)),
      }),
      ask(`/api/ops/outbox/dead-letters/${text}/requeue`, { method: "POST", body: "{}" }),
      rawRequest(`${word.toUpperCase()}${i}`),
    ]);
  }
}

/** Alertmanager's payload, with labels of somebody else's: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
function alertOf(text: string): unknown {
  const fingerprint = random().replaceAll("-", "").slice(0, 16);
  const labels = { alertname: text, action: text, [`l${text.replaceAll("-", "")}`]: text };
  const alert = { status: "firing", labels, annotations: {}, startsAt: new Date().toISOString(), fingerprint };
  return { version: "4", status: "firing", receiver: text, groupKey: text, alerts: [alert], groupLabels: labels };
}

/** A method that fetch does not send. */
async function rawRequest(method: string): Promise<void> {
  const { port } = new URL(server.url);
  const ended = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: { data: (s) => void s.end(), close: () => ended.resolve(), error: () => ended.resolve() },
  });
  socket.write(`${method} /api/crm/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  await ended.promise;
}

function bodyFor(path: string): unknown {
  if (path.endsWith(":batch")) return { jobs: [{ title: "one" }] };
  if (path.endsWith("/jobs")) return { title: "one" };
  return path.startsWith("/api/crm/") ? { name: "one" } : {};
}

function reportOf(broker: BrokerStatistics): Statistics {
  return { name: "rdkafka#producer-1", type: "producer", msg_cnt: 0, msg_size: 0, brokers: { broker } };
}
