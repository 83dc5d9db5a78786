/**
 * The cases of https://www.ietf.org/archive/id/draft-ietf-httpapi-idempotency-key-header-07.html, section 2, and what it
 * leaves open.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "./support/postgres.ts";
import { type Answer, ask, placesOf, type TestRoutes, testRoutes } from "./support/routes.ts";

let db: TestDatabase;
let routes: TestRoutes;
let strict: TestRoutes;
beforeAll(async () => {
  db = await testDatabase();
  routes = await testRoutes(db.url);
  strict = await testRoutes(db.url, { requireIfMatch: true });
});
afterAll(async () => {
  await routes.stop();
  await strict.stop();
  await db.drop();
});

const newTenant = () => crypto.randomUUID();
const KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324";

interface Sent {
  readonly request: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** A request with the key. */
const send = (tenant: string, { request, body, headers }: Sent, key = KEY): Promise<Answer> =>
  ask(routes.app, tenant, request, { body, headers: { "Idempotency-Key": key, ...headers } });

const POST: Sent = { request: "POST /api/crm/jobs", body: { title: "once" } };
const isReplay = (answer: Answer) => answer.headers.get("Idempotent-Replayed") === "true";
const written = async (tenant: string) => {
  const [row] = await db.sql`
    select (select count(*)::int from jobs where tenant_id = ${tenant}) as jobs,
      (select count(*)::int from outbox_events where tenant_id = ${tenant}) as events`;
  return [row?.jobs, row?.events];
};

describe("a request that is sent again with its key", () => {
  test("is done once: the same status, headers and bytes, marked as replayed", async () => {
    const tenant = newTenant();
    const [first, second] = [await send(tenant, POST), await send(tenant, POST)];
    expect([first.status, isReplay(first), second.status, isReplay(second)]).toEqual([201, false, 201, true]);
    expect(second.text).toBe(first.text);
    for (const name of ["Content-Type", "ETag", "Location"])
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    expect(await written(tenant)).toEqual([1, 1]);
  });

  test("while the first is under way is a 409 with Retry-After, and the first is done", async () => {
    const tenant = newTenant();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(tenant, POST)));
    const [busy = [], done = []] = [409, 201].map((status) => answers.filter((answer) => answer.status === status));
    expect(busy.length + done.length).toBe(20);
    for (const answer of busy)
      expect([answer.headers.get("Retry-After"), ...placesOf(answer)]).toEqual(["1", "Idempotency-Key"]);
    expect(new Set(done.map((answer) => answer.text)).size).toBe(1);
    expect(await written(tenant)).toEqual([1, 1]);
  });

  test("after its time is over is a new one", async () => {
    const tenant = newTenant();
    await send(tenant, POST);
    await db.sql`update idempotency_keys set expires_at = now() - interval '1 second' where tenant_id = ${tenant}`;
    expect(isReplay(await send(tenant, POST))).toBe(false);
    expect(await written(tenant)).toEqual([2, 2]);
  });

  test("of another tenant is another request, and each gets its own answer", async () => {
    const [alice, bob] = [newTenant(), newTenant()];
    const [hers, his] = [await send(alice, POST), await send(bob, POST)];
    expect(isReplay(his)).toBe(false);
    expect(his.json.id).not.toBe(hers.json.id);
    expect((await send(bob, POST)).text).toBe(his.text);
  });
});

test.each<[string, (job: string) => Sent]>([
  ["body", () => ({ ...POST, body: { title: "twice" } })],
  ["body of the same meaning, in other bytes", () => ({ ...POST, body: '{ "title":"once"}' })],
  ["path", () => ({ request: "POST /api/crm/accounts", body: { name: "once" } })],
  ["method", (job) => ({ request: `DELETE /api/crm/jobs/${job}` })],
  ["content type", () => ({ ...POST, headers: { "Content-Type": "application/json; charset=utf-8" } })],
])("a key that is sent with another %s is a 422, and nothing is done", async (_, other) => {
  const tenant = newTenant();
  const { json } = await send(tenant, POST);
  const refused = await send(tenant, other(json.id ?? ""));
  expect([refused.status, refused.json.type]).toEqual([422, "urn:aetherlink:problem:idempotency-key-reused"]);
  expect(await written(tenant)).toEqual([1, 1]);
  expect(isReplay(await send(tenant, POST))).toBe(true);
});

test.each(["", "a b", "a,b c", "ä", "x".repeat(256), "\t"])(
  "%p is no key: a 400 that names the header",
  async (key) => {
    const answer = await send(newTenant(), POST, key).catch((error: unknown) => error);
    // Some are no header at all, which the client itself refuses.
    if (answer instanceof Error) return expect(answer.message).toContain("eader");
    const { status } = answer as Answer;
    expect([status, ...placesOf(answer as Answer)]).toEqual([400, "Idempotency-Key"]);
  },
);

describe("a refusal", () => {
  const nobody = crypto.randomUUID();

  test.each<[string, number, Sent]>([
    ["of what is not there", 404, { request: `PATCH /api/crm/jobs/${nobody}`, body: { title: "x" } }],
    ["of a reference to nothing", 422, { request: "POST /api/crm/jobs", body: { title: "x", accountId: nobody } }],
    ["of a batch", 422, { request: "POST /api/crm/jobs:batch", body: { jobs: [{ title: "x", contactId: nobody }] } }],
    ["of a deletion of nothing", 404, { request: `DELETE /api/crm/contacts/${nobody}` }],
  ])("%s is kept like any answer", async (_, status, sent) => {
    const tenant = newTenant();
    const [first, second] = [await send(tenant, sent), await send(tenant, sent)];
    expect([first.status, second.status, isReplay(first), isReplay(second)]).toEqual([status, status, false, true]);
    expect(second.text).toBe(first.text);
  });

  test("of a deletion is kept also when it would succeed by now: a new try needs a new key", async () => {
    const tenant = newTenant();
    const account = (await send(tenant, { request: "POST /api/crm/accounts", body: { name: "x" } }, "1")).json.id;
    const job = (await send(tenant, { request: "POST /api/crm/jobs", body: { title: "x", accountId: account } }, "2"))
      .json.id;
    const remove = { request: `DELETE /api/crm/accounts/${account}` };
    expect((await send(tenant, remove, "3")).status).toBe(409);
    await send(tenant, { request: `DELETE /api/crm/jobs/${job}` }, "4");
    const again = await send(tenant, remove, "3");
    expect([again.status, isReplay(again)]).toEqual([409, true]);
    expect((await send(tenant, remove, "5")).status).toBe(204);
  });

  test("of a field is not: the corrected request may use the same key", async () => {
    const tenant = newTenant();
    expect((await send(tenant, { ...POST, body: {} })).status).toBe(422);
    expect((await send(tenant, POST)).status).toBe(201);
  });

  test("for want of If-Match is not either, and a replay is given before If-Match is looked at", async () => {
    const tenant = newTenant();
    const { json } = await send(tenant, POST, "1");
    const patch = (headers: Record<string, string>) =>
      ask(strict.app, tenant, `PATCH /api/crm/jobs/${json.id}`, {
        body: { title: "x" },
        headers: { "Idempotency-Key": KEY, ...headers },
      });
    expect((await patch({})).status).toBe(428);
    const done = await patch({ "If-Match": '"v1"' });
    expect([done.status, isReplay(done)]).toEqual([200, false]);
    // The version has moved on since, and still this is the answer to that request.
    for (const headers of [{ "If-Match": '"v1"' }, { "If-Match": '"v7"' }, {}]) {
      const again = await patch(headers);
      expect([again.status, isReplay(again), again.text]).toEqual([200, true, done.text]);
    }
  });
});
