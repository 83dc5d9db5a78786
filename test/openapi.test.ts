/** The document says what the server does: every route is in it, and real answers fit its schemas. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Ajv from "ajv/dist/2020";
import addFormats from "ajv-formats";
import pino from "pino";
import { realAmbient } from "../src/ambient.ts";
import { openAuth } from "../src/auth/open.ts";
import { readConfig } from "../src/config.ts";
import { openApiDocument } from "../src/openapi/document.ts";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { type Answer, ask, type TestRoutes, testRoutes } from "./support/routes.ts";

type Json = Record<string, unknown>;
interface Operation {
  operationId: string;
  parameters: ({ name: string; in: string } & Json)[];
  requestBody?: { content: Record<string, { schema: Json; example: unknown }> };
  responses: Record<string, Response>;
}
interface Response {
  headers?: Record<string, unknown>;
  content?: Record<string, { schema: Json; example?: unknown }>;
}

/** Headers that mean something to a caller of this API; wherever one is sent the document has to say so. */
const NOTED = [
  ...["Accept", "Accept-Encoding", "Accept-Patch", "Allow", "ETag", "Idempotent-Replayed", "Link", "Location"],
  ...["RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id"],
];
const TENANT = "12345678-1234-1234-1234-123456789012";

let db: TestDatabase;
let routes: TestRoutes;
let document: { paths: Record<string, Record<string, Operation>>; components: Record<string, Record<string, Json>> };
beforeAll(async () => {
  db = await testDatabase();
  routes = await testRoutes(db.url);
  document = JSON.parse((await ask(routes.app, TENANT, "GET /openapi.json")).text);
});
afterAll(async () => {
  await routes.stop();
  await db.drop();
});

const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
/** What is wrong with a value by a schema of the document. */
function faults(schema: Json, value: unknown): unknown {
  const check = ajv.compile({ ...schema, components: document.components });
  return check(value) ? [] : check.errors;
}

function whole<T>(part: T | { $ref: string }): T {
  if (typeof part !== "object" || part === null || !("$ref" in part)) return part as T;
  const [, , kind = "", name = ""] = part.$ref.split("/");
  return document.components[kind]?.[name] as T;
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
  );

test("every route is in the document, and nothing else", () => {
  const all = routes.app.routes
    .filter((route) => route.method !== "ALL" && !route.path.startsWith("/assets/"))
    .map(({ method, path }) => `${method} ${path.replaceAll(/\/:(\w+)/g, "/{$1}")}`);
  expect([...new Set(all)].toSorted()).toEqual(
    operations()
      .map(({ route }) => route)
      .toSorted(),
  );
});

test("every reference leads somewhere, every operation has a name of its own, every schema is one", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([\w-]+)"/g)];
  expect(references.length).toBeGreaterThan(50);
  for (const [, kind = "", name = ""] of references) expect(document.components[kind]).toHaveProperty([name]);
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { operation } of operations()) {
    for (const { schema } of Object.values(operation.requestBody?.content ?? {}))
      expect(ajv.validateSchema(schema)).toBe(true);
  }
});

test("every example fits its schema", () => {
  for (const { route, operation } of operations()) {
    const bodies = [operation.requestBody, ...Object.values(operation.responses).map(whole<Response>)];
    for (const { schema, example } of bodies.flatMap((body) => Object.values(body?.content ?? {}))) {
      if (example !== undefined) expect([route, faults(schema, example)]).toEqual([route, []]);
    }
  }
});

test("the limits of attributes and times are said as the server counts them", async () => {
  const job = document.paths["/api/crm/jobs"]?.post?.requestBody?.content["application/json"]?.schema as {
    properties: Record<string, { description?: string }>;
  };
  const put = async (body: Json) => (await ask(routes.app, TENANT, "POST /api/crm/jobs", { body })).status;
  const escaped = `{"title":"x","attributes":{"a":"${"\\u00fc".repeat(6_000)}"}}`;
  const spaced = { title: "x", attributes: { a: Array.from({ length: 16_000 }, () => 1) } };
  expect(escaped.length).toBeGreaterThan(32_768);
  expect(JSON.stringify(spaced).length).toBeLessThan(32_768);
  expect((await ask(routes.app, TENANT, "POST /api/crm/jobs", { body: escaped })).status).toBe(201);
  expect(await put(spaced)).toBe(422);
  expect(job.properties.attributes?.description).toContain("32768 bytes of UTF-8 in the form in which it is kept");

  // What is shown of a time of New Year's Eve in another zone may be sent back.
  for (const at of [
    "1970-01-01T00:00:00+14:00",
    "1969-12-31T10:00:00Z",
    "2999-12-31T23:00:00-12:00",
    "3000-01-01T11:00:00Z",
  ])
    expect([at, await put({ title: "x", scheduledAt: at })]).toEqual([at, 201]);
  for (const at of ["1969-12-30T23:59:59Z", "3000-01-02T00:00:00Z"])
    expect([at, await put({ title: "x", scheduledAt: at })]).toEqual([at, 422]);
  expect(JSON.stringify(job.properties.scheduledAt)).toContain("of the years 1970 to 2999 as it is written");
});

describe("answers of the server", () => {
  /** Asks, and holds the answer against what the document says of this operation and status. */
  async function check(operationId: string, request: string, options: Parameters<typeof ask>[3] = {}): Promise<Answer> {
    const answer = await ask(routes.app, TENANT, request, options);
    const found = operations().find(({ operation }) => operation.operationId === operationId);
    const said = found?.operation.responses[String(answer.status)];
    if (said === undefined) throw new Error(`${operationId} says nothing of ${answer.status}: ${answer.text}`);
    const { content, headers } = whole<Response>(said);
    if (content !== undefined) {
      const type = answer.headers.get("Content-Type") ?? "";
      expect(Object.keys(content)).toContain(type);
      expect([request, faults(content[type]?.schema ?? {}, answer.json)]).toEqual([request, []]);
    } else {
      expect(answer.text).toBe("");
    }
    for (const name of NOTED) {
      if (answer.headers.has(name)) expect(Object.keys(headers ?? {})).toContain(name);
    }
    return answer;
  }

  test.each(["Job", "Account", "Contact"])(
    "about a %s fit their schemas, in every status that it can have",
    async (name) => {
      const path = `/api/crm/${name.toLowerCase()}s`;
      const create = document.paths[path]?.post?.requestBody?.content["application/json"]?.example;
      const headers = { "Idempotency-Key": name };
      const made = await check(`create${name}`, `POST ${path}`, { body: create, headers });
      expect(made.status).toBe(201);
      await check(`create${name}`, `POST ${path}`, { body: create, headers });
      await check(`create${name}`, `POST ${path}`, { body: { ...(create as Json), x: 1 } });
      await check(`create${name}`, `POST ${path}`, { body: "{" });
      await check(`create${name}`, `POST ${path}`, { body: "x", headers: { "Content-Type": "text/plain" } });
      const smallest = { [name === "Job" ? "title" : "name"]: "x" };
      expect((await check(`create${name}`, `POST ${path}`, { body: smallest })).status).toBe(201);
      const at = `${path}/${made.json.id}`;
      await check(`get${name}`, `GET ${at}`);
      await check(`get${name}`, `GET ${at}`, { headers: { "If-None-Match": '"v1"' } });
      await check(`get${name}`, `GET ${path}/${TENANT}`);
      const patch = document.paths[`${path}/{id}`]?.patch?.requestBody?.content["application/json"]?.example;
      expect((await check(`change${name}`, `PATCH ${at}`, { body: patch })).status).toBe(200);
      await check(`change${name}`, `PATCH ${at}`, { body: patch, headers: { "If-Match": '"v1"' } });
      await check(`list${name}s`, `GET ${path}?limit=1`);
      await check(`list${name}s`, `GET ${path}?limit=0`);
      await check(`list${name}Events`, `GET ${at}/events`);
      await db.sql`update outbox_events set published_at = now(), log_partition = 0, log_offset = 1`;
      await check(`list${name}Events`, `GET ${at}/events?limit=1`);
      if (name !== "Job") {
        const reference = { title: "x", [`${name.toLowerCase()}Id`]: made.json.id };
        const job = await check("createJob", "POST /api/crm/jobs", { body: reference });
        expect((await check(`delete${name}`, `DELETE ${at}`)).status).toBe(409);
        await check("deleteJob", `DELETE /api/crm/jobs/${job.json.id}`);
      }
      expect((await check(`delete${name}`, `DELETE ${at}`)).status).toBe(204);
      await check(`delete${name}`, `DELETE ${at}`);
    },
  );

  test("about a batch fit their schemas", async () => {
    const example = document.paths["/api/crm/jobs:batch"]?.post?.requestBody?.content["application/json"]?.example;
    expect((await check("createJobs", "POST /api/crm/jobs:batch", { body: example })).status).toBe(201);
    await check("createJobs", "POST /api/crm/jobs:batch", { body: { jobs: [] } });
  });

  test("of health, metrics and operations fit theirs", async () => {
    for (const [id, path] of [
      ["getHealth", "/"],
      ["getLiveness", "/healthz/live"],
      ["getReadiness", "/healthz/ready"],
      ["getOutbox", "/api/ops/outbox"],
      ["listDeadLetters", "/api/ops/outbox/dead-letters"],
      ["listOutboxAudit", "/api/ops/outbox/audit?limit=0"],
      ["getOpenApi", "/openapi.json"],
    ] as const) {
      await check(id, `GET ${path}`);
    }
  });
});

test("the page for people has every operation, and needs no script and nothing from elsewhere", async () => {
  const page = await ask(routes.app, TENANT, "GET /docs");
  expect(page.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("Content-Security-Policy")).toStartWith("default-src 'none'; style-src 'self'");
  for (const { operation } of operations()) expect(page.text).toContain(`<article id="${operation.operationId}">`);
  expect(page.text).not.toMatch(/<script|style="|src="http|href="http/);
  const style = /rel="stylesheet" href="([^"]+)"/.exec(page.text)?.[1];
  expect((await ask(routes.app, TENANT, `GET ${style}`)).headers.get("Content-Type")).toBe("text/css; charset=utf-8");
});

test("is of the version that it is asked for", () => {
  expect(openApiDocument("1.2.3", { tokens: false, login: false }).info.version).toBe("1.2.3");
});

describe("where a login is configured", () => {
  const env = {
    OIDC_ISSUER: "http://127.0.0.1:9",
    OIDC_AUDIENCE: "https://crm.example",
    OIDC_CLIENT_ID: "ops-page",
    SESSION_SECRET: "of-a-test-which-is-long-enough-for-it",
  };
  let withLogin: TestRoutes;
  beforeAll(async () => {
    withLogin = await testRoutes(db.url, { auth: openAuth(readConfig(env), pino({ level: "silent" }), realAmbient) });
  });
  afterAll(() => withLogin.stop());

  test("the document has its routes, and says of each route that refuses strangers how it is entered", async () => {
    const described = JSON.parse((await ask(withLogin.app, TENANT, "GET /openapi.json")).text) as typeof document;
    for (const route of withLogin.app.routes) {
      if (route.method === "ALL" || route.path.startsWith("/assets/")) continue;
      const path = route.path.replaceAll(/\/:(\w+)/g, "/{$1}");
      const operation = described.paths[path]?.[route.method.toLowerCase()];
      expect([route.path, operation]).not.toEqual([route.path, undefined]);
      const isOpen = operation === undefined || !("security" in operation);
      const answer = await ask(withLogin.app, TENANT, `${route.method} ${path.replaceAll(/\{\w+\}/g, TENANT)}`);
      const isRefused = answer.status === 401 || answer.status === 403;
      expect([route.method, path, isRefused]).toEqual([route.method, path, !isOpen]);
      if (isRefused) expect(Object.keys(operation?.responses ?? {})).toContain(String(answer.status));
    }
  });

  test("a page of the document names the login; without one neither does", async () => {
    expect((await ask(withLogin.app, TENANT, "GET /docs")).text).toContain("/auth/logout");
    expect((await ask(routes.app, TENANT, "GET /docs")).text).not.toContain("/auth/");
    const guarded = operations().filter(({ operation }) => "401" in operation.responses || "security" in operation);
    // Alertmanager has a token in any case.
    expect(guarded.map(({ route }) => route)).toEqual(["POST /autoheal/alert"]);
    expect(Object.keys(document.components.securitySchemes ?? {})).toEqual(["autoheal"]);
  });
});
