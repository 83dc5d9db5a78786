import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { base64url, exportSPKI, importJWK } from "jose";
import { COOLDOWN_MS, RETRY_MS } from "../../src/auth/issuer-keys.ts";
import { SseReader } from "../support/sse.ts";
import { AUDIENCE, Issuer, newKey, type SigningKey, TENANT_A, TENANT_B } from "./issuer.ts";
import { startWorld, type World } from "./world.ts";

let issuer: Issuer;
let world: World;
let stranger: SigningKey;

beforeAll(async () => {
  const machine = {
    client_id: "machine",
    client_secret: "m".repeat(40),
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post" as const,
  };
  issuer = await new Issuer([await newKey("k1")], {}, [machine]).start();
  stranger = await newKey("k1");
  world = await startWorld({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE });
});
afterAll(async () => {
  await world?.stop();
  await issuer?.stop();
});

const call = (token: string | undefined, path = "/api/crm/jobs", init: RequestInit & { tenant?: string } = {}) =>
  fetch(`${world.url}${path}`, {
    ...init,
    redirect: "manual",
    headers: {
      ...(init.body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(init.tenant === undefined ? {} : { "X-Tenant-Id": init.tenant }),
    },
  });
const in_ = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;
const encode = (value: unknown) => base64url.encode(JSON.stringify(value));
const claims = () => ({
  iss: issuer.url,
  aud: AUDIENCE,
  sub: "anna",
  exp: in_(300),
  tenants: [TENANT_A],
  roles: "crm:read",
});
const firstKey = () => {
  const [key] = issuer.keys;
  if (key === undefined) throw new Error("the issuer has no key");
  return key;
};

/** HS256 with the issuer's public key as secret: what a verifier that trusts `alg` would take. */
async function signedByPublicKey(): Promise<string> {
  const { kty, n, e } = firstKey().jwk as { kty: string; n: string; e: string };
  const pem = await exportSPKI((await importJWK({ kty, n, e }, "RS256")) as CryptoKey);
  const input = `${encode({ alg: "HS256", typ: "at+jwt", kid: "k1" })}.${encode(claims())}`;
  return `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
}

async function tampered(): Promise<string> {
  const [header, , signature] = (await issuer.token()).split(".");
  return `${header}.${encode({ ...claims(), tenants: [TENANT_B] })}.${signature}`;
}

describe("a bearer token", () => {
  test("of the issuer, for us, lets its bearer read and write its tenant; its subject is in the log, it is not", async () => {
    const token = await issuer.token({ sub: "anna" });
    expect((await call(token)).status).toBe(200);
    expect((await call(token, "/api/crm/jobs", { method: "POST", body: '{"title":"x"}' })).status).toBe(201);
    const [row] = await world.db.sql`select tenant_id from jobs`;
    expect(row?.tenant_id).toBe(TENANT_A);
    const lines = world.lines.join("");
    expect(lines).toContain('"principal":"anna"');
    expect(lines).not.toContain(token.slice(0, 40));
  });

  test("that the issuer's own token endpoint made is accepted, and gives the roles that it has: none", async () => {
    const response = await fetch(`${issuer.url}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "client_credentials",
        client_id: "machine",
        client_secret: "m".repeat(40),
        resource: AUDIENCE,
      }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    expect((await call(token)).status).toBe(403);
  });

  test.each<[string, () => Promise<string> | string]>([
    ["for another audience", () => issuer.token({ aud: "https://other.example" })],
    ["for no audience", () => issuer.token({ aud: undefined })],
    ["of another issuer", () => issuer.token({ iss: "https://other.example" })],
    ["of the issuer with a slash more", () => issuer.token({ iss: `${issuer.url}/` })],
    ["that has expired", () => issuer.token({ exp: in_(-31) })],
    ["that never expires", () => issuer.token({ exp: undefined })],
    ["whose expiry is a text", () => issuer.token({ exp: "never" })],
    ["that is not valid yet", () => issuer.token({ nbf: in_(60) })],
    ["without a subject", () => issuer.token({ sub: undefined })],
    ["with an empty subject", () => issuer.token({ sub: "" })],
    ["with alg none", () => `${encode({ alg: "none" })}.${encode(claims())}.`],
    ["with alg none and a signature", () => `${encode({ alg: "None" })}.${encode(claims())}.AAAA`],
    ["with HS256 by the public key", signedByPublicKey],
    ["with a key id that the issuer has not", () => issuer.token({}, { kid: "k9" })],
    ["by a key that is not the issuer's", () => issuer.token({}, {}, stranger)],
    ["with claims that were changed", tampered],
    ["with its signature cut off", async () => (await issuer.token()).replace(/\.[^.]*$/, ".")],
    ["with a critical header that is not understood", () => issuer.token({}, { crit: ["x"], x: 1 } as never)],
    ["that is an ID token by its claims", () => issuer.token({ nonce: "n" }, { typ: "JWT" })],
    ["that is an ID token by at_hash", () => issuer.token({ at_hash: "h" }, { typ: "JWT" })],
    ["that is an ID token as Keycloak writes them", () => issuer.token({ typ: "ID" }, { typ: "JWT" })],
    ["that is a logout token", () => issuer.token({}, { typ: "logout+jwt" })],
    ["that is bound to a key", () => issuer.token({ cnf: { jkt: "x" } })],
    ["that is no JWT", () => "opaque"],
    ["of five parts", () => "a.b.c.d.e"],
    ["over 12,000 characters", () => "a".repeat(12_001)],
  ])("%s is refused with 401 and invalid_token", async (_, make) => {
    const response = await call(await make());
    expect(response.status).toBe(401);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(response.headers.get("WWW-Authenticate")).toMatch(/^Bearer realm="aetherlink", error="invalid_token", /);
  });

  test("is taken 30 s around its time, as clocks differ", async () => {
    expect((await call(await issuer.token({ exp: in_(-20) }))).status).toBe(200);
    expect((await call(await issuer.token({ nbf: in_(20) }))).status).toBe(200);
  });

  test("that was accepted once is refused when its time is over", async () => {
    const token = await issuer.token({ exp: in_(60) });
    expect((await call(token)).status).toBe(200);
    world.clock.aheadMs = 100_000;
    expect((await call(token)).status).toBe(401);
    world.clock.aheadMs = 0;
  });

  test("of the general type is an access token when nothing says otherwise, as with Keycloak, Entra and Auth0", async () => {
    expect((await call(await issuer.token({}, { typ: "JWT" }))).status).toBe(200);
    expect((await call(await issuer.token({ typ: "Bearer", nonce: "n" }, { typ: "JWT" }))).status).toBe(200);
  });

  test.each([undefined, "Basic YTpi", "Bearer", "Bearer a b", "Bearer ä"])("is asked for with %p", async (header) => {
    const headers: Record<string, string> = header === undefined ? {} : { Authorization: header };
    for (const path of ["/api/crm/jobs", "/api/ops/outbox", "/crm-events", "/ops/crm-events"]) {
      const response = await fetch(`${world.url}${path}`, { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toBe('Bearer realm="aetherlink"');
    }
  });
});

describe("a tenant", () => {
  test.each<[string, unknown, string | undefined, number]>([
    ["the only one, by default", [TENANT_A], undefined, 200],
    ["one text in place of a list", TENANT_A, undefined, 200],
    ["one of several, in capitals", [TENANT_A, TENANT_B], TENANT_B.toUpperCase(), 200],
    ["none of several", [TENANT_A, TENANT_B], undefined, 403],
    ["one that is not listed", [TENANT_A], TENANT_B, 403],
    ["one that is no UUID", [TENANT_A], "*", 403],
    ["no list", undefined, TENANT_A, 403],
    ["an empty list", [], TENANT_A, 403],
    ["a list of other things", [1, null, "x", { id: TENANT_A }], TENANT_A, 403],
  ])("%s: claim %p, header %p, %i", async (_, tenants, header, status) => {
    const response = await call(await issuer.token({ tenants }), "/api/crm/jobs", header ? { tenant: header } : {});
    expect(response.status).toBe(status);
  });
});

describe("a role", () => {
  const body = '{"title":"x"}';
  test.each<[string[] | string, string, RequestInit, number]>([
    [["crm:read"], "/api/crm/jobs", {}, 200],
    [["crm:read"], "/api/crm/jobs", { method: "POST", body }, 403],
    [["crm:read"], `/api/crm/jobs/${TENANT_A}`, { method: "DELETE" }, 403],
    [["crm:read"], `/api/crm/jobs/${TENANT_A}`, { method: "PATCH", body }, 403],
    [["crm:write"], "/api/crm/jobs", { method: "POST", body }, 201],
    [["crm:write"], "/api/crm/jobs", {}, 403],
    [["crm:read", "crm:write"], "/api/ops/outbox", {}, 403],
    [["ops"], "/api/ops/outbox", {}, 200],
    [["ops"], "/api/crm/jobs", {}, 403],
    ["crm:read ops", "/api/ops/outbox", {}, 200],
    [["crm:write"], "/crm-events", {}, 403],
    [["CRM:READ", "crm:reader"], "/api/crm/jobs", {}, 403],
  ])("of %p: %s %p is %i", async (roles, path, init, status) => {
    const response = await call(await issuer.token({ roles }), path, init);
    expect(response.status).toBe(status);
    if (status !== 403) return;
    expect(response.headers.get("WWW-Authenticate")).toContain('error="insufficient_scope", scope="');
    expect(((await response.json()) as { detail: string }).detail).toMatch(/needs the role (crm:|ops)/);
  });

  test("an actor's decision about a dead letter is in the audit with its name", async () => {
    const eventId = crypto.randomUUID();
    await world.db.sql`
      insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, occurred_at, retry_count, dead_at)
      values (${eventId}, ${TENANT_A}, 'JobCreated', 'job', ${TENANT_A}, '{}', now(), 5, now())`;
    const token = await issuer.token({ sub: "otto", roles: ["ops"] });
    const path = `/api/ops/outbox/dead-letters/${eventId}/discard`;
    expect((await call(token, path, { method: "POST", body: "{}" })).status).toBe(200);
    expect(await world.db.sql`select actor from outbox_audit`).toMatchObject([{ actor: "otto" }]);
  });

  test("health and metrics need none", async () => {
    for (const path of ["/", "/healthz/live", "/healthz/ready", "/metrics"])
      expect((await call(undefined, path)).status).toBe(200);
  });
});

describe("the stream", () => {
  const publish = (tenant: string | undefined, n: number) =>
    world.log.publish([
      {
        key: `${n}`,
        value: JSON.stringify({ n }),
        headers: { ce_id: `e-${n}`, ...(tenant ? { ce_tenantid: tenant } : {}) },
      },
    ]);
  const open = async (token: string, query = "") => {
    const { body, status } = await call(token, `/crm-events${query}`);
    if (body === null || status !== 200) throw new Error(`the stream answered ${status}`);
    return new SseReader(body);
  };
  const numbers = (reader: SseReader) => reader.frames.map(({ value }) => value.n);

  test("shows a tenant's user its tenants' events, live and resumed and after a reset, and ops all of them", async () => {
    const user = await issuer.token({ tenants: [TENANT_A], roles: ["crm:read"] });
    const ops = await issuer.token({ tenants: [], roles: ["ops"] });
    const { lastEventId } = world.hub.snapshot(0);
    const [live, all] = [await open(user), await open(ops)];
    await live.until(({ lastEventId }) => lastEventId !== "");
    await all.until(({ lastEventId }) => lastEventId !== "");
    await publish(TENANT_A, 1);
    await publish(TENANT_B, 2);
    await publish(undefined, 3);
    await publish(TENANT_A, 4);
    await all.until((reader) => reader.frames.length === 4);
    await live.until((reader) => reader.frames.length === 2);
    expect(numbers(all)).toEqual([1, 2, 3, 4]);
    expect(numbers(live)).toEqual([1, 4]);
    for (const query of [`?lastEventId=${lastEventId}`, "?lastEventId=nonsense"]) {
      const resumed = await open(user, query);
      await publish(TENANT_B, 5);
      await publish(TENANT_A, 6);
      await resumed.until((reader) => numbers(reader).includes(6));
      expect(numbers(resumed)).not.toContain(2);
      expect(numbers(resumed)).not.toContain(3);
      expect(numbers(resumed)).not.toContain(5);
      await resumed.close();
    }
    // Whatever it asks for: of another tenant it is sent nothing, of all of them its own.
    const foreign = await open(user, `?from=earliest&tenant=${TENANT_B}&heartbeat=event`);
    const past = await open(user, "?from=earliest&limit=100&type=*&heartbeat=event");
    const whole = await open(user, "?since=1h&heartbeat=event");
    for (const reader of [foreign, past, whole])
      await reader.until(({ events }) => events.at(-1)?.type === "heartbeat");
    expect(foreign.frames).toEqual([]);
    expect(past.frames).toEqual([]);
    expect(new Set(numbers(whole))).toEqual(new Set([1, 4, 6]));
    for (const reader of [foreign, past, whole]) await reader.close();
    const page = await (await call(user, "/ops/crm-events")).text();
    expect(page).toContain(TENANT_A);
    expect(page).not.toContain(TENANT_B);
    await live.close();
    await all.close();
  });

  test("ends when the token does", async () => {
    const reader = await open(await issuer.token({ exp: in_(-29) }));
    await reader.end();
    expect(reader.ended).toBe(true);
  });
});

describe("the issuer's keys", () => {
  test("are rotated: a new one is found when a token has it, and not asked for again within the cool-down", async () => {
    const asked = issuer.keyRequests;
    const fresh = await newKey("k2", "ES256");
    await issuer.stop();
    issuer.keys = [fresh];
    await issuer.start();
    world.clock.aheadMs += COOLDOWN_MS + 1_000;
    const [first, second] = await Promise.all([call(await issuer.token({ sub: "b" })), call(await issuer.token())]);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(issuer.keyRequests).toBe(asked + 1);
    for (const kid of ["x1", "x2", "x3"]) expect((await call(await issuer.token({}, { kid }))).status).toBe(401);
    expect(issuer.keyRequests).toBe(asked + 1);
  });

  test("that was withdrawn ends, also for tokens that were accepted before", async () => {
    const [before] = issuer.keys;
    const token = await issuer.token();
    expect((await call(token)).status).toBe(200);
    await issuer.stop();
    issuer.keys = [await newKey("k3", "PS256")];
    await issuer.start();
    world.clock.aheadMs += COOLDOWN_MS + 1_000;
    expect((await call(await issuer.token())).status).toBe(200);
    expect((await call(token)).status).toBe(401);
    expect((await call(await issuer.token({}, {}, before))).status).toBe(401);
  });

  test("that are known go on while the issuer is down; only an unknown one is a 503", async () => {
    await issuer.stop();
    world.clock.aheadMs += COOLDOWN_MS + 1_000;
    expect((await call(await issuer.token())).status).toBe(200);
    const unknown = await call(await issuer.token({}, { kid: "k9" }));
    expect(unknown.status).toBe(503);
    expect(unknown.headers.get("Retry-After")).toBe("2");
    expect((await call(await issuer.token())).status).toBe(200);
    await issuer.start();
  });

  test("are not needed to start: requests with a token get 503 until the issuer is there, others are served", async () => {
    const late = await new Issuer([await newKey("l1")]).reserve();
    const other = await startWorld({ OIDC_ISSUER: late.url, OIDC_AUDIENCE: AUDIENCE });
    try {
      const token = await late.token();
      const ask = () => fetch(`${other.url}/api/crm/jobs`, { headers: { Authorization: `Bearer ${token}` } });
      expect((await fetch(`${other.url}/healthz/live`)).status).toBe(200);
      const response = await ask();
      expect(response.status).toBe(503);
      expect(response.headers.get("Content-Type")).toBe("application/problem+json");
      await late.start();
      other.clock.aheadMs += RETRY_MS;
      expect((await ask()).status).toBe(200);
    } finally {
      await other.stop();
      await late.stop();
    }
  });
});
