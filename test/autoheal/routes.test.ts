/** Who may do what below /autoheal, and what becomes of what should not have been sent: all routes, on a real port. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { alertOf } from "../../src/autoheal/autoheal.fixture.ts";
import { AUDIENCE, Issuer, newKey, TENANT_A } from "../auth/issuer.ts";
import { startWorld, type World } from "../auth/world.ts";

const TOKEN = "a-token-for-alertmanager";
let issuer: Issuer;
let world: World;
let ops: string;
let user: string;
beforeAll(async () => {
  issuer = await new Issuer([await newKey("k1")]).start();
  world = await startWorld({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE, AUTOHEAL_TOKEN: TOKEN });
  ops = await issuer.token({ sub: "otto", tenants: [], roles: ["ops"] });
  user = await issuer.token({ tenants: [TENANT_A], roles: ["crm:read", "crm:write"] });
});
beforeEach(async () => {
  await world.db.sql`truncate autoheal_alerts, autoheal_acks, autoheal_audit`;
});
afterAll(async () => {
  await world?.stop();
  await issuer?.stop();
});

const JSON_TYPE = "application/json";
const send = (path: string, authorization: string | undefined, body?: unknown, type = JSON_TYPE) =>
  fetch(`${world.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(authorization === undefined ? {} : { Authorization: authorization }),
      ...(body === undefined ? {} : { "Content-Type": type }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
const statusOf = async (...args: Parameters<typeof send>) => {
  const response = await send(...args);
  await response.body?.cancel();
  return response.status;
};
const payload = (...alerts: unknown[]) => ({ version: "4", status: "firing", receiver: "a", alerts });
const stored = async () => Number((await world.db.sql`select count(*) as n from autoheal_alerts`)[0]?.n);
const ACK = { cause: "alert Down", note: "n", minutes: 5 };

describe("Alertmanager's webhook", () => {
  const alerts = payload(alertOf("Down"));

  test("takes alerts by its own token", async () => {
    const response = await send("/autoheal/alert", `Bearer ${TOKEN}`, alerts);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ accepted: 1, duplicates: 0, ignored: 0 });
    expect(await stored()).toBe(1);
  });

  test.each<[string, () => string | undefined]>([
    ["no token", () => undefined],
    ["an empty one", () => "Bearer "],
    ["a wrong one", () => "Bearer a-token-for-alertmanageR"],
    ["the beginning of it", () => `Bearer ${TOKEN.slice(0, -1)}`],
    ["more than it", () => `Bearer ${TOKEN}x`],
    ["it twice", () => `Bearer ${TOKEN} ${TOKEN}`],
    ["it by another scheme", () => `Basic ${TOKEN}`],
    ["a person's token, even with the role ops", () => `Bearer ${ops}`],
    ["a very long one", () => `Bearer ${"x".repeat(6_000)}`],
  ])("refuses %s, and keeps nothing", async (_, authorization) => {
    const response = await send("/autoheal/alert", authorization(), alerts);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toStartWith("Bearer ");
    expect(await response.text()).not.toContain(TOKEN);
    expect(await stored()).toBe(0);
  });

  test("looks at the token before it reads anything", async () => {
    expect(await statusOf("/autoheal/alert", "Bearer wrong", "x".repeat(8_000_000))).toBe(401);
  });

  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  test.each<[string, unknown, number]>([
    ["what is no JSON", "{", 400],
    ["what is nested too deep", nested(10_000), 400],
    ["a key twice", '{"version":"4","version":"4"}', 400],
    ["wrong types", { version: 4, status: [], alerts: "all" }, 422],
    ["an alert that is a number", payload(7), 422],
    ["labels that are a list", payload({ ...alertOf("A"), labels: ["alertname"] }), 422],
    ["a time that the database does not know", payload({ ...alertOf("A"), startsAt: "0000-01-01T00:00:00Z" }), 422],
    ["a body of over 4 MiB", payload({ ...alertOf("A"), junk: "x".repeat(4_194_304) }), 413],
    ["1,001 alerts", payload(...Array.from({ length: 1_001 }, (_, n) => alertOf("A", n))), 422],
  ])("refuses %s, and keeps nothing", async (_, body, status) => {
    const response = await send("/autoheal/alert", `Bearer ${TOKEN}`, body);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await stored()).toBe(0);
  });

  test("refuses what is not declared as JSON", async () => {
    expect(await statusOf("/autoheal/alert", `Bearer ${TOKEN}`, alerts, "text/plain")).toBe(415);
  });

  test("takes a thousand alerts with long annotations at once, and a thousand requests in a second", async () => {
    const long = { summary: "s".repeat(500), description: "d".repeat(1_000) };
    const all = Array.from({ length: 1_000 }, (_, n) => ({ ...alertOf("Storm", n), annotations: long }));
    const response = await send("/autoheal/alert", `Bearer ${TOKEN}`, payload(...all));
    expect(await response.json()).toEqual({ accepted: 1_000, duplicates: 0, ignored: 0 });
    const storm = Array.from({ length: 1_000 }, (_, n) =>
      statusOf("/autoheal/alert", `Bearer ${TOKEN}`, payload(alertOf("S", n))),
    );
    expect(new Set(await Promise.all(storm))).toEqual(new Set([202]));
    expect(await stored()).toBe(1_000);
  }, 30_000);
});

describe("status, audit, events and acknowledgements", () => {
  const PATHS: [string, unknown?][] = [
    ["/autoheal/status"],
    ["/autoheal/audit"],
    ["/autoheal/events"],
    ["/ops/autoheal"],
    ["/autoheal/ack", ACK],
  ];

  test("are for the role ops alone: not for nobody, not for a tenant's user, not for Alertmanager", async () => {
    for (const [path, body] of PATHS) {
      expect([path, await statusOf(path, undefined, body)]).toEqual([path, 401]);
      expect([path, await statusOf(path, `Bearer ${user}`, body)]).toEqual([path, 403]);
      expect([path, await statusOf(path, `Bearer ${TOKEN}`, body)]).toEqual([path, 401]);
      expect([path, await statusOf(path, `Bearer ${ops}`, body)]).toEqual([path, body === undefined ? 200 : 201]);
    }
    const rows = await world.db.sql`select actor, cause from autoheal_acks`;
    expect(rows.map((row) => ({ ...row }))).toEqual([{ actor: "otto", cause: "alert Down" }]);
  });

  test("an acknowledgement is refused with the place of each fault, and is in the status once it is made", async () => {
    const refused = await send("/autoheal/ack", `Bearer ${ops}`, { cause: "x", note: "", minutes: 1.5 });
    expect(refused.status).toBe(422);
    const { errors } = (await refused.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual(["#/cause", "#/minutes", "#/note"]);
    await send("/autoheal/ack", `Bearer ${ops}`, ACK);
    const status = await (await send("/autoheal/status", `Bearer ${ops}`)).json();
    expect(status).toMatchObject({ health: "never", leader: null, acks: [{ cause: "alert Down", actor: "otto" }] });
  });

  test("the audit is paged by a link, which keeps its filters", async () => {
    for (let n = 0; n < 3; n++) await send("/autoheal/ack", `Bearer ${ops}`, { ...ACK, note: String(n) });
    const first = await send("/autoheal/audit?limit=2&result=acknowledged", `Bearer ${ops}`);
    const [, link] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "") ?? [];
    const notes = async (response: Response) =>
      ((await response.json()) as { data: { reason: string }[] }).data.map(({ reason }) => reason);
    expect(await notes(first)).toEqual(["2", "1"]);
    const second = await send(link ?? "", `Bearer ${ops}`);
    expect(await notes(second)).toEqual(["0"]);
    expect(second.headers.get("link")).toBeNull();
    expect(await statusOf("/autoheal/audit?limit=0", `Bearer ${ops}`)).toBe(400);
  });

  test("the stream is refused with parameters that it does not know, and HEAD has no body", async () => {
    expect(await statusOf("/autoheal/events?since=1", `Bearer ${ops}`)).toBe(400);
    expect(await statusOf("/autoheal/events?lastEventId=x", `Bearer ${ops}`)).toBe(400);
    const head = await fetch(`${world.url}/autoheal/events`, {
      method: "HEAD",
      headers: { Authorization: `Bearer ${ops}` },
    });
    expect(head.headers.get("content-type")).toBe("text/event-stream");
  });
});
