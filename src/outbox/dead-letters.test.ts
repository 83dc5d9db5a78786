import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import pino from "pino";
import { calledBy } from "../../test/support/caller.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { realAmbient } from "../ambient.ts";
import { requestContext } from "../http/context.ts";
import type { AppEnv, CallerEnv } from "../http/env.ts";
import { onError } from "../http/errors.ts";
import { type OutboxCommand, outboxCommand } from "./command.ts";
import { append, TENANT } from "./outbox.fixture.ts";
import { outboxRoutes } from "./routes.ts";
import { OutboxStatus } from "./status.ts";

/** Dead letters by API and command line, on a real database. What the relay makes of the decisions: leader.test.ts. */

let db: TestDatabase;
let app: Hono<AppEnv>;
beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  await db.sql`truncate outbox_events, outbox_blocked, outbox_audit`;
});
afterAll(() => db.drop());

/** A server anew, since the status is counted once a second. */
const newApp = () => {
  app = new Hono<AppEnv>();
  app.onError(onError);
  app.use(requestContext(pino({ level: "silent" }), realAmbient));
  const status = new OutboxStatus(db.sql, { state: "standby" });
  app.route(
    "/outbox",
    new Hono<CallerEnv>().use(calledBy({ principal: "anna" })).route("/", outboxRoutes({ sql: db.sql, status })),
  );
};

/** Dead letters, each with one event behind it, in the order of their ids. */
async function deadLetters(count: number): Promise<string[]> {
  newApp();
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const aggregate = crypto.randomUUID();
    const [dead = ""] = await append(db.sql, [n, n + 100], aggregate);
    await db.sql`update outbox_events set held = true where aggregate_id = ${aggregate}`;
    await db.sql`
      update outbox_events set retry_count = 5, last_error = 'too large', dead_at = now() where event_id = ${dead}`;
    await db.sql`insert into outbox_blocked (tenant_id, aggregate_id, dead) values (${TENANT}, ${aggregate}, true)`;
    ids.push(dead);
  }
  return ids;
}

async function get(path: string): Promise<{ status: number; link: string | null; body: unknown }> {
  const response = await app.request(`/outbox${path}`);
  return { status: response.status, link: response.headers.get("Link"), body: await response.json() };
}
async function post(path: string, body: unknown = {}): Promise<{ status: number; body: unknown }> {
  const response = await app.request(`/outbox${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
  return { status: response.status, body: await response.json() };
}

describe("the API", () => {
  test("tells how the outbox does", async () => {
    await deadLetters(2);
    await append(db.sql, [1]);
    expect((await get("")).body).toEqual({
      backlog: 5,
      oldestUnpublishedAgeSeconds: expect.any(Number),
      oldestPendingAgeSeconds: expect.any(Number),
      held: 4,
      deadLetters: 2,
      blockedAggregates: 2,
      relay: { state: "standby" },
    });
  });

  test("lists dead letters oldest first, page by page", async () => {
    const ids = await deadLetters(3);
    const first = await get("/dead-letters?limit=2");
    expect(first.body).toMatchObject({
      data: [
        { eventId: ids[0], tenantId: TENANT, type: "JobCreated", tries: 5, lastError: "too large", waiting: 1 },
        { eventId: ids[1] },
      ],
      next: expect.any(String),
    });
    const next = /<\/outbox(.*)>; rel="next"/.exec(first.link ?? "")?.[1] ?? "";
    const second = await get(next);
    expect(second).toMatchObject({ link: null, body: { data: [{ eventId: ids[2] }], next: null } });
  });

  test.each(["requeue", "discard"])("lets a dead letter be %sed once, and keeps who did it and why", async (action) => {
    const [id = "", other] = await deadLetters(2);
    const answer = await post(`/dead-letters/${id}/${action}`, { reason: "the topic is wide enough now" });
    const entry = {
      actor: "anna",
      action,
      eventId: id,
      tenantId: TENANT,
      type: "JobCreated",
      lastError: "too large",
      reason: "the topic is wide enough now",
    };
    expect(answer).toMatchObject({ status: 200, body: entry });
    expect(await post(`/dead-letters/${id}/${action}`)).toMatchObject({
      status: 404,
      body: { detail: `There is no dead letter ${id}` },
    });
    expect((await get("/dead-letters")).body).toMatchObject({ data: [{ eventId: other }] });
    expect((await get("/audit")).body).toMatchObject({ data: [entry] });
    expect(((await get("/audit")).body as { data: unknown[] }).data).toHaveLength(1);
  });

  test("decides nothing about an event that is no dead letter", async () => {
    newApp();
    const [waiting] = await append(db.sql, [1]);
    for (const action of ["requeue", "discard"]) {
      expect(await post(`/dead-letters/${waiting}/${action}`)).toMatchObject({ status: 404 });
    }
    expect((await get("/audit")).body).toEqual({ data: [] });
  });

  test.each<[string, string, string, unknown, number, string]>([
    ["an id that is no UUID", "POST", "/dead-letters/7/requeue", {}, 404, "event ids are UUIDs"],
    ["a reason that is no text", "POST", `/dead-letters/${TENANT}/discard`, { reason: 7 }, 422, "#/reason"],
    ["a reason too long", "POST", `/dead-letters/${TENANT}/discard`, { reason: "x".repeat(501) }, 422, "#/reason"],
    ["an unknown field", "POST", `/dead-letters/${TENANT}/discard`, { why: "x" }, 422, "why"],
    ["a limit of 0", "GET", "/dead-letters?limit=0", undefined, 400, "limit"],
    ["a limit of 201", "GET", "/audit?limit=201", undefined, 400, "limit"],
    ["a limit given twice", "GET", "/audit?limit=1&limit=2", undefined, 400, "must be given once"],
    ["a cursor of somebody else", "GET", "/dead-letters?after=x", undefined, 400, "after"],
    ["an unknown parameter", "GET", "/dead-letters?page=2", undefined, 400, "page"],
  ])("refuses %s and says so", async (_, method, path, body, status, named) => {
    newApp();
    const response = method === "GET" ? await get(path) : await post(path, body);
    expect([response.status, JSON.stringify(response.body)]).toEqual([status, expect.stringContaining(named)]);
  });

  test("takes no decision from another site's form", async () => {
    const [id] = await deadLetters(1);
    const response = await app.request(`/outbox/dead-letters/${id}/discard`, {
      method: "POST",
      body: "reason=x",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect(response.status).toBe(415);
    expect((await get("/dead-letters")).body).toMatchObject({ data: [{ eventId: id }] });
  });
});

describe("the command line", () => {
  async function run(command: Partial<OutboxCommand> & Pick<OutboxCommand, "action">) {
    let output = "";
    const whole = { eventIds: [], all: false, json: false, actor: "cli:me@here", ...command };
    const code = await outboxCommand(db.sql, whole, (text) => {
      output += text;
    });
    return { code, output };
  }

  test("lists what waits, and each dead letter with its error", async () => {
    expect(await run({ action: "list" })).toEqual({
      code: 0,
      output: "events waiting to be published: 0; dead letters: 0\n",
    });
    const [id = ""] = await deadLetters(1);
    const { code, output } = await run({ action: "list" });
    expect(code).toBe(0);
    expect(output).toMatch(/^events waiting to be published: 2, the oldest for \d+\.\d s; dead letters: 1\n/);
    expect(output).toContain(`${id}  JobCreated of `);
    expect(output).toContain("after 5 tries, 267 bytes; events waiting behind it: 1\n  too large\n");
    expect(JSON.parse((await run({ action: "list", json: true })).output)).toMatchObject({
      events: 2,
      deadLetters: 1,
      data: [{ eventId: id }],
    });
  });

  test("decides about one event, tells about one that is no dead letter, and ends with 1 then", async () => {
    const [id = ""] = await deadLetters(1);
    const stranger = crypto.randomUUID();
    const { code, output } = await run({ action: "requeue", eventIds: [stranger, id], reason: "again" });
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`^requeued ${id}  JobCreated of .*\nno dead letter ${stranger}\n$`));
    expect(await db.sql`select actor, action, reason from outbox_audit`).toMatchObject([
      { actor: "cli:me@here", action: "requeue", reason: "again" },
    ]);
  });

  test("decides about all at once", async () => {
    const ids = await deadLetters(3);
    const { code, output } = await run({ action: "discard", all: true, json: true });
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ decided: ids.map((eventId) => ({ eventId })), missing: [] });
    expect(await run({ action: "discard", all: true })).toEqual({ code: 0, output: "there are no dead letters\n" });
  });
});
