import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import pino from "pino";
import { Registry } from "prom-client";
import { idleAutoheal } from "../test/support/autoheal.ts";
import { type TestDatabase, testDatabase } from "../test/support/postgres.ts";
import { realAmbient } from "./ambient.ts";
import { OPEN } from "./auth/open.ts";
import { openCrm } from "./crm/context.ts";
import { createPool, type Sql } from "./db/pool.ts";
import { MemoryLog } from "./log/memory.ts";
import { loadAssets } from "./ops/index.ts";
import { OutboxStatus } from "./outbox/index.ts";
import { createRoutes } from "./routes.ts";
import { Hub } from "./stream/index.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const JSON_TYPE = { "Content-Type": "application/json" };
const AS_TENANT = { "X-Tenant-Id": TENANT };

let db: TestDatabase;
let sql: Sql;
let hub: Hub;
let app: ReturnType<typeof createRoutes>;

beforeAll(async () => {
  db = await testDatabase();
  const logger = pino({ level: "silent" });
  sql = createPool(db.url, 4, logger);
  const log = new MemoryLog({ topic: "aetherlink.events", partitions: 3, capacity: 1_000, now: Date.now });
  hub = new Hub({ log, logger, ring: 500, heartbeatMs: 60_000, bufferBytes: 65_536 });
  hub.start();
  await hub.caughtUp;
  app = createRoutes({
    logger,
    ambient: realAmbient,
    hub,
    assets: await loadAssets(),
    crm: openCrm({ sql, ambient: realAmbient, idempotencyTtlMs: 86_400_000, requireIfMatch: false, committed() {} }),
    auth: OPEN,
    registry: new Registry(),
    autoheal: idleAutoheal(sql),
    outbox: { sql, status: new OutboxStatus(sql, { state: "leading" }) },
    health: {
      version: "1.2.3",
      page: "/ops/crm-events",
      checks: async () => [{ name: "database", state: "ok", ok: true }],
    },
  });
});
afterAll(async () => {
  await hub.stop();
  await sql.end();
  await db.drop();
});

type Headers = Record<string, string>;
const post = (body: BodyInit | null, headers: Headers = {}) =>
  app.request("/api/crm/jobs", { method: "POST", body, headers: { ...JSON_TYPE, ...AS_TENANT, ...headers } });
const rowCount = async () => {
  const [row] = await db.sql`
    select (select count(*) from jobs) + (select count(*) from outbox_events) + (select count(*) from idempotency_keys) as n`;
  return Number(row?.n);
};

describe("a request with a fault", () => {
  const title = (text: string) => JSON.stringify({ title: text });
  const withBytes = (...bytes: number[]) =>
    new Uint8Array([...Buffer.from('{"title":"'), ...bytes, ...Buffer.from('"}')]);

  test.each<[string, BodyInit | null, Headers, number, string]>([
    ["a body that is not JSON", "{nope", {}, 400, "#"],
    ["no body", null, {}, 400, "#"],
    ["two JSON values", "{}{}", {}, 400, "#"],
    ["bytes that are not UTF-8", withBytes(0xff), {}, 400, "#"],
    ["half a surrogate pair", '{"title":"\\ud800"}', {}, 422, "#/title"],
    ["NUL", '{"title":"a\\u0000b"}', {}, 422, "#/title"],
    ["another content type", "title=x", { "Content-Type": "application/x-www-form-urlencoded" }, 415, "Content-Type"],
    ["an empty content type", title("x"), { "Content-Type": "" }, 415, "Content-Type"],
    [
      "JSON in another encoding",
      title("x"),
      { "Content-Type": "application/json; charset=latin1" },
      415,
      "Content-Type",
    ],
    ["an array", "[]", {}, 422, "#"],
    ["null", "null", {}, 422, "#"],
    ["an unknown field", '{"title":"x","titel":1}', {}, 422, "#/titel"],
    ["a field with a slash and a tilde in its name", '{"title":"x","a/b~c":1}', {}, 422, "#/a~1b~0c"],
    ["__proto__", '{"title":"x","__proto__":{"status":"Open"}}', {}, 422, "#/__proto__"],
    ["no title", "{}", {}, 422, "#/title"],
    ["an empty title", title(""), {}, 422, "#/title"],
    ["a blank title", title(" \t\n"), {}, 422, "#/title"],
    ["a title of 201 characters", title("é".repeat(201)), {}, 422, "#/title"],
    ["a title that is a number", '{"title":7}', {}, 422, "#/title"],
    ["an unknown status", '{"title":"x","status":"open"}', {}, 422, "#/status"],
    ["a status of null", '{"title":"x","status":null}', {}, 422, "#/status"],
    ["a body over 1 MiB", title("x".repeat(1_048_577)), {}, 413, "#"],
    ["a tenant that is no UUID", title("x"), { "X-Tenant-Id": "42" }, 400, "X-Tenant-Id"],
    ["two tenants", title("x"), { "X-Tenant-Id": `${TENANT}, ${TENANT}` }, 400, "X-Tenant-Id"],
    ["an empty key", title("x"), { "Idempotency-Key": "" }, 400, "Idempotency-Key"],
    ["a key of 256 characters", title("x"), { "Idempotency-Key": "k".repeat(256) }, 400, "Idempotency-Key"],
    ["a repeated key", title("x"), { "Idempotency-Key": "a, b" }, 400, "Idempotency-Key"],
  ])(
    "such as %s gets a problem that names the place, and nothing is written",
    async (_, body, headers, status, place) => {
      const before = await rowCount();
      const response = await post(body, headers);
      expect(response.status).toBe(status);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
      const problem = (await response.json()) as { [name: string]: unknown; errors: Record<string, string>[] };
      expect(problem).toMatchObject({
        status,
        instance: "/api/crm/jobs",
        type: expect.stringMatching(/^urn:aetherlink:problem:/),
      });
      for (const field of ["title", "detail", "requestId"]) expect(problem[field]).toBeString();
      expect(problem.errors.map((error) => error.pointer ?? error.header)).toEqual([place]);
      for (const error of problem.errors) expect(error.detail).not.toBe("");
      expect(await rowCount()).toBe(before);
    },
  );

  test("is told of all faults of its body at once", async () => {
    const problem = (await (await post('{"status":"Nope","a":1,"b":2}')).json()) as { errors: { pointer: string }[] };
    expect(problem.errors.map((error) => error.pointer).toSorted()).toEqual(["#/a", "#/b", "#/status", "#/title"]);
  });

  test("a missing tenant is told before anything of the body is looked at", async () => {
    const response = await app.request("/api/crm/jobs", { method: "POST", body: "{nope", headers: JSON_TYPE });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toContain("X-Tenant-Id is missing");
  });

  test("a body over 1 MiB that comes without a length is refused as well", async () => {
    const chunk = new Uint8Array(100_000).fill(0x20);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (sent++ < 20 ? controller.enqueue(chunk) : controller.close()),
    });
    expect((await post(body)).status).toBe(413);
    expect(sent).toBeLessThan(15);
  });
});

describe("a title at the limit", () => {
  test.each(["x", "\u{1f600}".repeat(200), "x".repeat(200)])("such as %p is taken", async (title) => {
    const response = await post(JSON.stringify({ title }));
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ title, status: "Open", version: 1, tenantId: TENANT });
  });
});

describe("replaying a request", () => {
  test("gives the same bytes and headers with Idempotent-Replayed; another body with the key is a 422", async () => {
    const headers = { "Idempotency-Key": "replay-1" };
    const first = await post('{"title":"once"}', headers);
    const second = await post('{"title":"once"}', headers);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.text()).toBe(await first.text());
    for (const name of ["Content-Type", "ETag", "Location"])
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    expect([first, second].map((r) => r.headers.get("Idempotent-Replayed"))).toEqual([null, "true"]);
    const other = await post('{"title":"twice"}', headers);
    expect(other.status).toBe(422);
    expect(((await other.json()) as { type: string }).type).toBe("urn:aetherlink:problem:idempotency-key-reused");
  });

  test("a key that is in use right now is a 409 with Retry-After", async () => {
    const session = await sql.reserve();
    try {
      await session`select pg_advisory_lock(hashtextextended(${`${TENANT}:busy-1`}, 0))`;
      const response = await post('{"title":"x"}', { "Idempotency-Key": "busy-1" });
      expect(response.status).toBe(409);
      expect(response.headers.get("Retry-After")).toBe("1");
    } finally {
      await session`select pg_advisory_unlock(hashtextextended(${`${TENANT}:busy-1`}, 0))`;
      session.release();
    }
  });
});

describe("the edge", () => {
  test("a job can be read where its Location says, with its ETag; the list has it and links to the next page", async () => {
    const created = await post('{"title":"Read me"}');
    const job = (await created.json()) as { id: string };
    const response = await app.request(created.headers.get("Location") ?? "", { headers: AS_TENANT });
    expect(response.status).toBe(200);
    expect(response.headers.get("ETag")).toBe('"v1"');
    expect(await response.json()).toEqual(job);
    await post('{"title":"One more"}');
    const list = await app.request("/api/crm/jobs?limit=1", { headers: AS_TENANT });
    const page = (await list.json()) as { data: unknown[]; next: string };
    expect(page.data).toHaveLength(1);
    expect(list.headers.get("Link")).toBe(`</api/crm/jobs?limit=1&cursor=${page.next}>; rel="next"`);
  });

  test.each(["limit=0", "limit=201", "limit=x", "cursor=x", "page=2"])(
    "a list with ?%s is refused by name",
    async (query) => {
      const response = await app.request(`/api/crm/jobs?${query}`, { headers: AS_TENANT });
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: { parameter: string }[] };
      expect(errors.map((error) => error.parameter)).toEqual([query.split("=")[0] ?? ""]);
    },
  );

  test("an unknown path is a 404 problem, also below the API and without a tenant", async () => {
    for (const path of ["/nope", "/api/crm/nope", "/api", "/assets/nope.js", "/ops", "/%00"]) {
      const response = await app.request(path);
      expect(response.status).toBe(404);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    }
  });

  test.each([
    ["/api/crm/jobs", "DELETE", "GET, POST, HEAD, OPTIONS"],
    [`/api/crm/jobs/${TENANT}`, "PUT", "GET, PATCH, DELETE, HEAD, OPTIONS"],
    ["/crm-events", "POST", "GET, HEAD, OPTIONS"],
    ["/ops/crm-events", "POST", "GET, HEAD, OPTIONS"],
    ["/", "PATCH", "GET, HEAD, OPTIONS"],
  ])("%s with %s is a 405 that allows %s; OPTIONS says the same", async (path, method, allow) => {
    const response = await app.request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(allow);
    const options = await app.request(path, { method: "OPTIONS" });
    expect(options.status).toBe(204);
    expect(options.headers.get("Allow")).toBe(allow);
  });

  test("GET / is JSON health for programs, and sends a browser to the page", async () => {
    const health = await app.request("/");
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      status: "ok",
      service: "aetherlink",
      version: "1.2.3",
      checks: { database: "ok" },
    });
    const browser = await app.request("/", { headers: { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
    expect([browser.status, browser.headers.get("Location")]).toEqual([302, "/ops/crm-events"]);
  });

  test("liveness and readiness answer", async () => {
    expect((await app.request("/healthz/live")).status).toBe(200);
    expect((await app.request("/healthz/ready")).status).toBe(200);
  });

  test("the caller's request id and trace are kept where they are harmless", async () => {
    const given = "req-42";
    expect((await app.request("/", { headers: { "X-Request-Id": given } })).headers.get("X-Request-Id")).toBe(given);
    const hostile = await app.request("/", { headers: { "X-Request-Id": "a b" } });
    expect(hostile.headers.get("X-Request-Id")).not.toBe("a b");
    const trace = "0af7651916cd43dd8448eb211c80319c";
    await post('{"title":"traced"}', { traceparent: `00-${trace}-b7ad6b7169203331-01` });
    const [row] = await db.sql`select traceparent from outbox_events order by id desc limit 1`;
    expect(row?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  });

  test("HEAD and OPTIONS of the stream answer without opening one", async () => {
    const response = await app.request("/crm-events", { method: "HEAD" });
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    expect((await app.request("/crm-events?since=x", { method: "HEAD" })).status).toBe(400);
    const options = await app.request("/crm-events", { method: "OPTIONS" });
    expect([options.status, options.headers.get("Allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
    expect(hub.clientCount).toBe(0);
  });

  test("a database that is away is a 503 with Retry-After, without its words", async () => {
    const broken = createPool("postgres://x:s3cret@127.0.0.1:1/x", 1, pino({ level: "silent" }));
    const crm = openCrm({
      sql: broken,
      ambient: realAmbient,
      idempotencyTtlMs: 1,
      requireIfMatch: false,
      committed() {},
    });
    const health = { version: "", page: "/", checks: async () => [] };
    const away = createRoutes({
      logger: pino({ level: "silent" }),
      ambient: realAmbient,
      hub,
      assets: await loadAssets(),
      crm,
      auth: OPEN,
      registry: new Registry(),
      autoheal: idleAutoheal(broken),
      outbox: { sql: broken, status: new OutboxStatus(broken, { state: "standby" }) },
      health,
    });
    const response = await away.request("/api/crm/jobs", {
      method: "POST",
      body: '{"title":"x"}',
      headers: { ...JSON_TYPE, ...AS_TENANT },
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await response.text()).not.toMatch(/s3cret|127\.0\.0\.1|ECONN/);
    await broken.end({ timeout: 0 });
  });
});
