/** The CRM's HTTP interface as its callers see it, on all routes in one process and a real database. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { ask, placesOf, type TestRoutes, testRoutes } from "./support/routes.ts";

let db: TestDatabase;
let routes: TestRoutes;
beforeAll(async () => {
  db = await testDatabase();
  routes = await testRoutes(db.url);
});
afterAll(async () => {
  await routes.stop();
  await db.drop();
});

const newTenant = () => crypto.randomUUID();
const entities = [
  ["jobs", "title", "Job"],
  ["accounts", "name", "Account"],
  ["contacts", "name", "Contact"],
] as const;

describe.each(entities)("/api/crm/%s", (entity, name, type) => {
  const path = `/api/crm/${entity}`;

  test("makes, shows, changes, lists and deletes one; each write moves the ETag, a stale one is a 412", async () => {
    const tenant = newTenant();
    const made = await ask(routes.app, tenant, `POST ${path}`, { body: { [name]: "one" } });
    expect([made.status, made.headers.get("ETag")]).toEqual([201, '"v1"']);
    const at = made.headers.get("Location") ?? "";
    expect(at).toBe(`${path}/${made.json.id}`);
    expect((await ask(routes.app, tenant, `GET ${at}`)).text).toBe(made.text);
    const headers = { "If-Match": '"v1"', "Content-Type": "application/merge-patch+json" };
    const changed = await ask(routes.app, tenant, `PATCH ${at}`, { body: { [name]: "two" }, headers });
    expect([changed.status, changed.headers.get("ETag"), changed.json.version]).toEqual([200, '"v2"', 2]);
    const stale = await ask(routes.app, tenant, `PATCH ${at}`, { body: { [name]: "three" }, headers });
    expect([stale.status, stale.headers.get("ETag"), ...placesOf(stale)]).toEqual([412, '"v2"', "If-Match"]);
    expect((await ask(routes.app, tenant, `GET ${path}`)).json.data).toMatchObject([{ [name]: "two" }]);
    expect((await ask(routes.app, tenant, `DELETE ${at}`, { headers: { "If-Match": '"v2"' } })).status).toBe(204);
    expect((await ask(routes.app, tenant, `GET ${at}`)).status).toBe(404);
    const events = await ask(routes.app, tenant, `GET ${at}/events`);
    expect(events.json.data?.map((event) => [event.eventType, event.version])).toEqual([
      [`${type}Created`, 1],
      [`${type}Updated`, 2],
      [`${type}Deleted`, 3],
    ]);
  });

  test("answers 304 to who has this version, and the entity to who has another", async () => {
    const tenant = newTenant();
    const at = (await ask(routes.app, tenant, `POST ${path}`, { body: { [name]: "x" } })).headers.get("Location");
    const get = (etag: string) => ask(routes.app, tenant, `GET ${at}`, { headers: { "If-None-Match": etag } });
    for (const etag of ['"v1"', 'W/"v1"', '"a", "v1"', "*"]) {
      const { status, headers, text } = await get(etag);
      expect([status, headers.get("ETag"), text]).toEqual([304, '"v1"', ""]);
      expect(headers.get("Cache-Control")).toBe("private, no-cache");
    }
    for (const etag of ['"v2"', '"v11"', '"xv1"']) expect((await get(etag)).status).toBe(200);
    expect(placesOf(await get("v1"))).toEqual(["If-None-Match"]);
  });

  test("lists page by page through Link, which keeps every other parameter", async () => {
    const tenant = newTenant();
    for (const text of ["b", "c", "a"]) await ask(routes.app, tenant, `POST ${path}`, { body: { [name]: text } });
    const first = await ask(
      routes.app,
      tenant,
      `GET ${path}?sort=${name}&limit=2&createdFrom=2020-01-01T00:00:00%2B01:00`,
    );
    expect(first.json.data?.map((entity) => entity[name])).toEqual(["a", "b"]);
    const [, link = "", rel = ""] = /^<(.*)>; (.*)$/.exec(first.headers.get("Link") ?? "") ?? [];
    expect(rel).toBe('rel="next"');
    expect(new URL(link, "http://x").searchParams.get("createdFrom")).toBe("2020-01-01T00:00:00+01:00");
    const second = await ask(routes.app, tenant, `GET ${link}`);
    expect(second.json).toMatchObject({ data: [{ [name]: "c" }], next: null });
    expect(second.headers.get("Link")).toBeNull();
  });

  test("refuses parameters that it does not know or that are there twice, all at once, with what is allowed", async () => {
    const query = `limit=1&limit=2&sort=color&q=ab&cursor=x&cursor=y&page=2&createdFrom=yesterday&${name}=%00`;
    const refused = await ask(routes.app, newTenant(), `GET ${path}?${query}`);
    expect(refused.status).toBe(400);
    expect(placesOf(refused).toSorted()).toEqual(
      ["createdFrom", "cursor", "limit", "page", "q", "sort", name].toSorted(),
    );
    const detail = (parameter: string) => refused.json.errors?.find((fault) => fault.parameter === parameter)?.detail;
    expect(detail("limit")).toBe("must be given once");
    expect(detail("page")).toContain("known are limit, cursor, sort, q,");
    expect(detail("sort")).toContain(`-createdAt, createdAt, updatedAt, -updatedAt`);
    const id = crypto.randomUUID();
    for (const request of [`GET ${path}/${id}?x=1`, `DELETE ${path}/${id}?x=1`, `GET ${path}/${id}/events?x=1`]) {
      expect(placesOf(await ask(routes.app, newTenant(), request))).toEqual(["x"]);
    }
  });

  test("has a history page by page; of what never was it is a 404", async () => {
    const tenant = newTenant();
    const at = (await ask(routes.app, tenant, `POST ${path}`, { body: { [name]: "x" } })).headers.get("Location");
    for (let i = 0; i < 3; i++) await ask(routes.app, tenant, `PATCH ${at}`, { body: { [name]: `x${i}` } });
    const versions: unknown[] = [];
    for (let link: string | undefined = `${at}/events?limit=3`; link !== undefined; ) {
      const page = await ask(routes.app, tenant, `GET ${link}`);
      versions.push(...(page.json.data?.map((event) => event.version) ?? []));
      link = /^<(.*)>;/.exec(page.headers.get("Link") ?? "")?.[1];
    }
    expect(versions).toEqual([1, 2, 3, 4]);
    expect((await ask(routes.app, tenant, `GET ${path}/${crypto.randomUUID()}/events`)).status).toBe(404);
    expect((await ask(routes.app, newTenant(), `GET ${at}/events`)).status).toBe(404);
  });
});

describe("the history of a job", () => {
  test("tells of each event where it is on its way", async () => {
    const tenant = newTenant();
    const at = (await ask(routes.app, tenant, "POST /api/crm/jobs", { body: { title: "x" } })).headers.get("Location");
    for (let i = 0; i < 4; i++) await ask(routes.app, tenant, `PATCH ${at}`, { body: { title: `x${i}` } });
    const states = [
      "published_at = '2027-01-01T00:00:00Z', log_partition = 2, log_offset = 41",
      "discarded_at = now(), held = true",
      "dead_at = now(), held = true, retry_count = 5, last_error = 'secret of the broker'",
      "held = true",
    ];
    for (const [i, state] of states.entries()) {
      await db.sql.unsafe(`update outbox_events set ${state}
        where id = (select id from outbox_events where tenant_id = '${tenant}' order by id offset ${i} limit 1)`);
    }
    const page = await ask(routes.app, tenant, `GET ${at}/events`);
    const delivery = { publishedAt: null, partition: null, offset: null, tries: 0 };
    expect(page.json.data?.map((event) => event.delivery)).toEqual([
      { state: "published", publishedAt: "2027-01-01T00:00:00.000Z", partition: 2, offset: 41, tries: 0 },
      { ...delivery, state: "discarded" },
      { ...delivery, state: "dead-letter", tries: 5 },
      { ...delivery, state: "waiting" },
      { ...delivery, state: "committed" },
    ]);
    expect(page.text).not.toContain("secret");
  });

  test("whose events are all over their retention time is empty while the job is there", async () => {
    const tenant = newTenant();
    const at = (await ask(routes.app, tenant, "POST /api/crm/jobs", { body: { title: "x" } })).headers.get("Location");
    await db.sql`delete from outbox_events where tenant_id = ${tenant}`;
    expect((await ask(routes.app, tenant, `GET ${at}/events`)).json).toEqual({ data: [], next: null });
  });
});

describe("POST /api/crm/jobs:batch", () => {
  const batch = (tenant: string, jobs: unknown, headers: Record<string, string> = {}) =>
    ask(routes.app, tenant, "POST /api/crm/jobs:batch", { body: { jobs }, headers });
  const count = async (tenant: string) => {
    const [row] = await db.sql`
      select (select count(*)::int from jobs where tenant_id = ${tenant}) as jobs,
        (select count(*)::int from outbox_events where tenant_id = ${tenant}) as events`;
    return row;
  };

  test("makes up to 500 jobs with an event each, in their order; the same key again is the same answer", async () => {
    const tenant = newTenant();
    const jobs = Array.from({ length: 500 }, (_, i) => ({ title: `job ${i}` }));
    const first = await batch(tenant, jobs, { "Idempotency-Key": "batch" });
    expect(first.status).toBe(201);
    expect(first.json.jobs?.map((job) => job.title)).toEqual(jobs.map((job) => job.title));
    const again = await batch(tenant, jobs, { "Idempotency-Key": "batch" });
    expect([again.text, again.headers.get("Idempotent-Replayed")]).toEqual([first.text, "true"]);
    expect(await count(tenant)).toMatchObject({ jobs: 500, events: 500 });
    expect((await batch(tenant, [...jobs, { title: "x" }])).status).toBe(422);
    expect((await batch(tenant, [])).status).toBe(422);
  });

  test("makes none when one is not valid, and tells every fault of every job", async () => {
    const tenant = newTenant();
    const malformed = await batch(tenant, [{ title: "x" }, {}, { title: "x", status: "?" }, { title: "\0", no: 1 }]);
    expect(malformed.status).toBe(422);
    expect(placesOf(malformed).toSorted()).toEqual([
      "#/jobs/1/title",
      "#/jobs/2/status",
      "#/jobs/3/no",
      "#/jobs/3/title",
    ]);
    const nowhere = crypto.randomUUID();
    const dangling = await batch(tenant, [
      { title: "x", accountId: nowhere },
      { title: "x" },
      { title: "x", accountId: nowhere, contactId: nowhere },
    ]);
    expect(dangling.status).toBe(422);
    expect(placesOf(dangling)).toEqual(["#/jobs/0/accountId", "#/jobs/2/accountId", "#/jobs/2/contactId"]);
    expect(await count(tenant)).toMatchObject({ jobs: 0, events: 0 });
  });
});

describe("a server with limits", () => {
  let limited: TestRoutes;
  beforeAll(async () => {
    limited = await testRoutes(db.url, {
      requireIfMatch: true,
      http: {
        // So slow that none comes back while the test runs.
        tenant: { requests: { rate: 0.001, burst: 3 }, bodyBytes: { rate: 0.001, burst: 2_000 } },
        body: { maxBytes: 1_024, timeoutMs: 8_000 },
        corsOrigins: ["https://app.example.com"],
      },
    });
  });
  afterAll(() => limited.stop());

  test("answers a tenant beyond its rate 429, says when to come back, and leaves other tenants alone", async () => {
    const tenant = newTenant();
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await ask(limited.app, tenant, "GET /api/crm/jobs"));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.headers.get("RateLimit-Policy")).toBe(
      '"tenant";q=3;w=3000, "tenant-bytes";q=2000;w=2000000;qu="content-bytes"',
    );
    const left = answers.map(
      (answer) => /^"tenant";r=(\d);t=([123])?\d{3}(,|$)/.exec(answer.headers.get("RateLimit") ?? "")?.[1],
    );
    expect(left).toEqual(["2", "1", "0", "0"]);
    expect(Number(answers[3]?.headers.get("Retry-After"))).toBeWithin(1, 1_001);
    expect(answers[3]?.json.type).toBe("urn:aetherlink:problem:too-many-requests");
    expect((await ask(limited.app, newTenant(), "GET /api/crm/jobs")).status).toBe(200);
  });

  test("answers a tenant that sends more bytes than its rate 429, by what the requests say of their length", async () => {
    const tenant = newTenant();
    const post = (length: number, body: BodyInit = JSON.stringify({ title: "x".repeat(length - 12) })) =>
      limited.app.request("/api/crm/jobs", {
        method: "POST",
        body,
        headers: {
          "X-Tenant-Id": tenant,
          "Content-Type": "application/json",
          ...(typeof body === "string" ? { "Content-Length": String(length) } : {}),
        },
      });
    // Not valid, for the title is too long, and paid for all the same.
    expect((await post(990)).status).toBe(422);
    // What does not say its length counts as the largest that is taken: 1,024 bytes of the 1,010 that are left.
    const refused = await post(0, new ReadableStream({ start: (controller) => controller.close() }));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("Retry-After"))).toBeWithin(1, 14_001);
    expect(refused.headers.get("RateLimit")).toMatch(/^"tenant";r=1;t=\d+, "tenant-bytes";r=1010;t=\d+$/);
    expect(await refused.json()).toMatchObject({ type: "urn:aetherlink:problem:too-many-requests" });
    // A GET has none, and another tenant has its own.
    expect((await ask(limited.app, tenant, "GET /api/crm/jobs")).status).toBe(200);
    expect((await ask(limited.app, newTenant(), "POST /api/crm/jobs", { body: { title: "x" } })).status).toBe(201);
  });

  test("takes no larger body than it was told, and none without If-Match where that is asked for", async () => {
    const tenant = newTenant();
    const large = await ask(limited.app, tenant, "POST /api/crm/jobs", { body: { title: "x".repeat(2_000) } });
    expect(large.status).toBe(413);
    const id = crypto.randomUUID();
    const headers = { "Idempotency-Key": "k" };
    const body = "x".repeat(2_000);
    expect((await ask(limited.app, newTenant(), `DELETE /api/crm/jobs/${id}`, { body, headers })).status).toBe(413);
    const other = newTenant();
    const at = (await ask(limited.app, other, "POST /api/crm/jobs", { body: { title: "x" } })).headers.get("Location");
    const refused = await ask(limited.app, other, `DELETE ${at}`);
    expect([refused.status, ...placesOf(refused)]).toEqual([428, "If-Match"]);
  });

  test("lets pages of the named origins ask, and no others", async () => {
    const preflight = (origin: string) =>
      limited.app.request("/api/crm/jobs", {
        method: "OPTIONS",
        headers: { Origin: origin, "Access-Control-Request-Method": "PATCH" },
      });
    const allowed = await preflight("https://app.example.com");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
    expect(allowed.headers.get("Access-Control-Allow-Methods")).toContain("PATCH");
    expect(allowed.headers.get("Access-Control-Allow-Headers")).toContain("Idempotency-Key");
    expect((await preflight("https://evil.example.com")).headers.get("Access-Control-Allow-Origin")).toBeNull();
    const headers = { Origin: "https://app.example.com" };
    const answer = await ask(limited.app, newTenant(), "GET /api/crm/jobs", { headers });
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
    for (const name of ["ETag", "Link", "Idempotent-Replayed", "RateLimit"])
      expect(answer.headers.get("Access-Control-Expose-Headers")).toContain(name);
    // Where none is named there are no such headers at all.
    const closed = await ask(routes.app, newTenant(), "GET /api/crm/jobs", { headers });
    expect(closed.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });
});

describe("every answer", () => {
  test.each(["GET /api/crm/jobs", "GET /nope", "POST /api/crm/jobs", "GET /healthz/live", "GET /api/crm/jobs/1"])(
    "has the security headers, such as that to %s",
    async (request) => {
      const { headers } = await ask(routes.app, newTenant(), request);
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Referrer-Policy")).toBe("no-referrer");
      expect(headers.get("Content-Security-Policy")).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get("Cross-Origin-Resource-Policy")).toBe("same-origin");
    },
  );
});
