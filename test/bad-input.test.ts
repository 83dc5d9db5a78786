/** What callers send that is wrong: always a problem that says where, never a 500, and nothing is written. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { ask, placesOf, type TestRoutes, testRoutes } from "./support/routes.ts";
import { RunningServer } from "./support/server.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
const NESTED = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

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

const rowCount = async () => {
  const [row] = await db.sql`
    select (select count(*) from jobs) + (select count(*) from accounts) + (select count(*) from contacts)
      + (select count(*) from outbox_events) + (select count(*) from idempotency_keys) as n`;
  return Number(row?.n);
};

/** A job with these attributes, as text. */
const attributes = (text: string) => `{"title":"x","attributes":${text}}`;

test.each<[string, string, string, number, string[]]>([
  ["a key twice", "POST jobs", '{"title":"a","title":"b"}', 400, ["#/title"]],
  ["a key twice, once escaped", "POST jobs", '{"title":"a","t\\u0069tle":"b"}', 400, ["#/title"]],
  [
    "keys twice far inside",
    "POST jobs",
    attributes('{"a":[{"b":1,"b":1}],"c":{"d":1,"d":2}}'),
    400,
    ["#/attributes/a/0/b", "#/attributes/c/d"],
  ],
  ["deep nesting", "POST jobs", attributes(NESTED(40)), 400, [`#/attributes${"/a".repeat(31)}`]],
  ["very deep nesting", "POST jobs", "[".repeat(500_000), 400, [`#${"/0".repeat(32)}`]],
  ["a number that loses digits", "POST jobs", attributes('{"n":9007199254740993}'), 422, ["#/attributes/n"]],
  ["a number beyond all doubles", "POST jobs", attributes('{"n":[1e400]}'), 422, ["#/attributes/n/0"]],
  ["NUL in attributes", "POST jobs", attributes('{"a":"\\u0000"}'), 422, ["#/attributes/a"]],
  ["NUL in the name of an attribute", "POST jobs", attributes('{"\\u0000":1}'), 422, ["#/attributes/%00"]],
  ["half a surrogate pair in attributes", "POST jobs", attributes('{"a":["\\ud800"]}'), 422, ["#/attributes/a/0"]],
  ["half a surrogate pair in a tag", "POST jobs", '{"title":"x","tags":["\\udfff"]}', 422, ["#/tags/0"]],
  [
    "__proto__ in attributes",
    "POST jobs",
    attributes('{"__proto__":{"isAdmin":true}}'),
    422,
    ["#/attributes/__proto__"],
  ],
  ["__proto__ in an address", "POST accounts", '{"name":"x","address":{"__proto__":{}}}', 422, ["#/address/__proto__"]],
  ["attributes that are too large", "POST jobs", attributes(`{"a":"${"x".repeat(33_000)}"}`), 422, ["#/attributes"]],
  ["attributes that are a list", "POST jobs", attributes("[]"), 422, ["#/attributes"]],
  ["an amount that is a number", "POST jobs", '{"title":"x","amount":12.5}', 422, ["#/amount"]],
  ["an amount without its currency", "POST jobs", '{"title":"x","amount":{"value":"1"}}', 422, ["#/amount/currency"]],
  [
    "an amount with an exponent",
    "POST jobs",
    '{"title":"x","amount":{"value":"1e9","currency":"EUR"}}',
    422,
    ["#/amount/value"],
  ],
  [
    "a time without an offset",
    "POST jobs",
    '{"title":"x","scheduledAt":"2027-01-01T00:00:00"}',
    422,
    ["#/scheduledAt"],
  ],
  ["a day that is none", "POST jobs", '{"title":"x","scheduledAt":"2027-02-30T00:00:00Z"}', 422, ["#/scheduledAt"]],
  ["21 tags", "POST jobs", JSON.stringify({ title: "x", tags: Array.from({ length: 21 }, String) }), 422, ["#/tags"]],
  ["a tag twice", "POST jobs", '{"title":"x","tags":["a","a"]}', 422, ["#/tags"]],
  ["an account that is not there", "POST jobs", `{"title":"x","accountId":"${TENANT}"}`, 422, ["#/accountId"]],
  [
    "many faults of many kinds",
    "POST jobs",
    '{"status":"?","tags":["\\u0000",""],"x":1,"attributes":{"n":1e999}}',
    422,
    ["#/tags/0", "#/attributes/n", "#/title", "#/status", "#/tags/1", "#/x"],
  ],
  ["a web site that runs", "POST accounts", '{"name":"x","website":"javascript:alert(1)"}', 422, ["#/website"]],
  ["a web site with a NUL", "POST accounts", '{"name":"x","website":"https://x.example/\\u0000"}', 422, ["#/website"]],
  ["an address that is text", "POST accounts", '{"name":"x","address":"Ring 1"}', 422, ["#/address"]],
  ["an e-mail address that is none", "POST contacts", '{"name":"x","email":"x@"}', 422, ["#/email"]],
  ["a batch that is a list", "POST jobs:batch", "[]", 422, ["#"]],
  ["a batch with a job that is null", "POST jobs:batch", '{"jobs":[null]}', 422, ["#/jobs/0"]],
  [
    "a batch with a key twice in a job",
    "POST jobs:batch",
    '{"jobs":[{"title":"x"},{"title":"x","title":"y"}]}',
    400,
    ["#/jobs/1/title"],
  ],
])(
  "%s (%s) gets a problem that names every place, and nothing is written",
  async (_, request, body, status, places) => {
    const before = await rowCount();
    const answer = await ask(routes.app, TENANT, request.replace(" ", " /api/crm/"), { body });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([status, "application/problem+json"]);
    expect(placesOf(answer)).toEqual(places);
    expect(await rowCount()).toBe(before);
  },
);

test.each([
  "GET jobs?q=%00abc",
  "GET jobs?tag=%00",
  "GET jobs?tag=",
  "GET jobs?accountId=1",
  "GET jobs?currency=eur",
  "GET jobs?cursor=%00",
  "GET jobs?cursor=bnVsbA",
  "GET jobs?createdFrom=0001-01-01T00:00:00Z",
  "GET jobs?createdTo=99999-01-01T00:00:00Z",
  "GET accounts?name=%00",
  "GET contacts?email=%00",
  `GET jobs/${TENANT}/events?cursor=e99999999999999999999`,
  `GET jobs/${TENANT}/events?limit=1e2`,
])("%s is a 400 that names the parameter", async (request) => {
  const answer = await ask(routes.app, TENANT, request.replace(" ", " /api/crm/"));
  expect(answer.status).toBe(400);
  expect(placesOf(answer)).toEqual([/[?](\w+)/.exec(request)?.[1] ?? ""]);
});

test.each(["'", "\\", "%", "_", "%25", "%5C%5C%5C%5C", "$2", "''", "\u{1f600}abc", "e'x", "%ED%A0%80", "{}", "::text"])(
  "a filter or search for %s is text like any other",
  async (text) => {
    for (const query of [
      `q=abc${text}`,
      `tag=${text}`,
      `scheduledFrom=2027-01-01T00:00:00Z&tag=${text}&q=${text}abc`,
    ]) {
      const answer = await ask(routes.app, TENANT, `GET /api/crm/jobs?${query}`);
      expect([200, 400]).toContain(answer.status);
    }
  },
);

test.each(["1", "..", "%2e%2e", "null", `${TENANT}x`, "%00", "%ED%A0%80", "constructor", "{id}"])(
  "an entity with the id %s is not found",
  async (id) => {
    for (const request of [`GET /api/crm/jobs/${id}/events`, `DELETE /api/crm/contacts/${id}`]) {
      expect([404, 405]).toContain((await ask(routes.app, TENANT, request)).status);
    }
  },
);

test("what attributes hold comes back as it was sent, and pollutes nothing", async () => {
  const given = {
    constructor: { prototype: { isAdmin: true } },
    toString: 1,
    "": [1.5, -0.1, 1e21, null, "é\u{1f600}"],
  };
  const answer = await ask(routes.app, TENANT, "POST /api/crm/jobs", { body: { title: "x", attributes: given } });
  expect(answer.status).toBe(201);
  expect(JSON.parse(answer.text).attributes).toEqual(given);
  expect("isAdmin" in {}).toBe(false);
});

test("no JSON of any shape is ever answered with a 500", async () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({
      title: fc.jsonValue(),
      amount: fc.jsonValue(),
      tags: fc.jsonValue(),
      attributes: fc.jsonValue(),
      name: fc.jsonValue(),
      address: fc.jsonValue(),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("jobs", "accounts", "contacts", "jobs:batch"), value, async (entity, body) => {
      const { status } = await ask(routes.app, TENANT, `POST /api/crm/${entity}`, { body: JSON.stringify(body) });
      expect([201, 400, 422]).toContain(status);
    }),
    { numRuns: 300 },
  );
});

describe("on a real port", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await new RunningServer({ env: { DATABASE_URL: db.url, BODY_TIMEOUT_MS: "300" } }).ready();
  });
  afterAll(() => server.stop());

  /** Sends bytes as they are, and gives what comes back until the server closes or the answer is there. */
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => socket.write(text));
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
        if (answer.includes("\r\n\r\n")) socket.destroy();
      });
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  const head = (request: string, ...lines: string[]) =>
    [`${request} HTTP/1.1`, "Host: localhost", `X-Tenant-Id: ${TENANT}`, ...lines, "", ""].join("\r\n");

  test("a body that does not come to its end is a 408, in time", async () => {
    const began = performance.now();
    const lines = ["Content-Type: application/json", "Content-Length: 100"];
    const answer = await raw(`${head("POST /api/crm/jobs", ...lines)}{"title":`);
    expect(answer).toStartWith("HTTP/1.1 408");
    expect(answer).toContain("urn:aetherlink:problem:body-too-slow");
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test("a path that is too long is a 414, headers that are too large a 431, and the server goes on", async () => {
    expect(await raw(head(`GET /${"x".repeat(9_000)}`))).toStartWith("HTTP/1.1 414");
    expect(await raw(head(`GET /api/crm/jobs?q=${"x".repeat(9_000)}`))).toStartWith("HTTP/1.1 414");
    expect(await raw(head("GET /", `X-Large: ${"x".repeat(100_000)}`))).toStartWith("HTTP/1.1 431");
    expect(await raw(head("GET /healthz/live"))).toStartWith("HTTP/1.1 200");
  });

  test("HEAD has the length of GET", async () => {
    const headers = { "X-Tenant-Id": TENANT };
    const [head, get] = await Promise.all(
      ["HEAD", "GET"].map((method) => fetch(`${server.url}/api/crm/jobs?limit=1`, { method, headers })),
    );
    expect(Number(get?.headers.get("Content-Length"))).toBeGreaterThan(10);
    expect(head?.headers.get("Content-Length")).toBe(get?.headers.get("Content-Length") ?? "");
  });

  test("bytes that are no header, no length or no request are refused", async () => {
    for (const text of [
      head("GET /", "X-Bad: a\0b"),
      head("POST /api/crm/jobs", "Content-Length: -1"),
      head("POST /api/crm/jobs", "Content-Length: 1", "Transfer-Encoding: chunked"),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    ]) {
      expect(await raw(text)).not.toMatch(/^HTTP\/1\.1 [25]/);
    }
    expect(await raw(head("GET /healthz/live"))).toStartWith("HTTP/1.1 200");
  });
});
