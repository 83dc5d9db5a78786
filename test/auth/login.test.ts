import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { RETRY_MS } from "../../src/auth/issuer-keys.ts";
import { Sealer } from "../../src/auth/seal.ts";
import { findChromium, launchChromium } from "../browser/chromium.ts";
import { type Account, AUDIENCE, Issuer, newKey, TENANT_A, TENANT_B } from "./issuer.ts";
import { startWorld, type World } from "./world.ts";

const SECRET = "a secret of this test of 32 bytes and more";
const ACCOUNTS: Record<string, Account> = {
  anna: { name: "Anna <b>Berg</b>", tenants: [TENANT_A], roles: ["crm:read", "crm:write"] },
  otto: { name: "Otto Ops", tenants: [], roles: ["ops"] },
  nina: { name: "Nina Nobody", tenants: [TENANT_B], roles: [] },
};

let issuer: Issuer;
let world: World;

beforeAll(async () => {
  issuer = await new Issuer([await newKey("k1")], ACCOUNTS).reserve();
  world = await startWorld({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: AUDIENCE,
    OIDC_CLIENT_ID: "page",
    OIDC_CLIENT_SECRET: "c".repeat(40),
    OIDC_SCOPE: "openid profile offline_access",
    OIDC_RESOURCE: AUDIENCE,
    SESSION_SECRET: SECRET,
  });
  issuer.clients = [
    {
      client_id: "page",
      client_secret: "c".repeat(40),
      token_endpoint_auth_method: "client_secret_post",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [`${world.url}/auth/callback`],
      post_logout_redirect_uris: [`${world.url}/auth/signed-out`],
    },
  ];
});
afterAll(async () => {
  await world?.stop();
  await issuer?.stop();
});

/** A browser without a window: keeps cookies and follows redirects by hand. */
class Client {
  readonly cookies = new Map<string, string>();

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url);
    const prefix = `${origin} `;
    const cookie = [...this.cookies].flatMap(([name, value]) =>
      name.startsWith(prefix) && value !== "" ? [`${name.slice(prefix.length)}=${value}`] : [],
    );
    const headers = { Accept: "text/html", ...(init.headers as Record<string, string>), Cookie: cookie.join("; ") };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.cookies.set(`${prefix}${name}`, value);
    }
    return response;
  }

  /** Goes on through redirects and the provider's forms until our callback, which is not called. */
  async toCallback(account: string, login = "/auth/login"): Promise<string> {
    let response = await this.fetch(`${world.url}${login}`);
    for (;;) {
      const to = response.headers.get("location");
      if (to?.startsWith(`${world.url}/auth/callback`)) return to;
      if (to !== null) {
        response = await this.fetch(new URL(to, issuer.url).href);
        continue;
      }
      const [, action] = /<form[^>]*action="([^"]+)"/.exec(await response.text()) ?? [];
      if (action === undefined) throw new Error(`the provider shows no form, status ${response.status}`);
      const prompt = /value="(login|consent)"/;
      const body = new URLSearchParams({ login: account, password: "x", prompt: prompt.exec(action)?.[1] ?? "" });
      const page = await this.fetch(new URL(action, issuer.url).href);
      const [, kind = ""] = /name="prompt" value="(\w+)"/.exec(await page.text()) ?? [];
      body.set("prompt", kind);
      response = await this.fetch(new URL(action, issuer.url).href, { method: "POST", body });
    }
  }

  async signIn(account: string, login?: string): Promise<Response> {
    return await this.fetch(await this.toCallback(account, login));
  }

  /** Name and value of our session's cookie. */
  get session(): string {
    return this.cookies.get(`${world.url} aetherlink`) ?? "";
  }

  set session(value: string) {
    this.cookies.set(`${world.url} aetherlink`, value);
  }

  api(path: string, init: RequestInit = {}): Promise<Response> {
    return this.fetch(`${world.url}${path}`, init);
  }
}

const post = (headers: Record<string, string>): RequestInit => ({
  method: "POST",
  body: '{"title":"x"}',
  headers: { "Content-Type": "application/json", ...headers },
});

describe("the login", () => {
  test("is a 503 problem while the provider is away, and works once it is there", async () => {
    const response = await new Client().api("/auth/login");
    expect(response.status).toBe(503);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    await issuer.start();
    world.clock.aheadMs = RETRY_MS;
    expect((await new Client().api("/auth/login")).status).toBe(302);
  });

  test("asks for a code by PKCE with state and nonce, and its cookies are for us alone", async () => {
    const response = await new Client().api("/auth/login");
    const url = new URL(response.headers.get("location") ?? "");
    expect(url.origin).toBe(issuer.url);
    expect(url.searchParams.get("response_type")).toBe("code");
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    for (const name of ["code_challenge", "state", "nonce"])
      expect(url.searchParams.get(name)?.length).toBeGreaterThan(40);
    expect(url.searchParams.get("redirect_uri")).toBe(`${world.url}/auth/callback`);
    for (const cookie of response.headers.getSetCookie()) expect(cookie).toMatch(/; Path=\/;.*HttpOnly; SameSite=Lax/);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("gives a session with the rights of who signed in, that is bounded and cannot be read", async () => {
    const client = new Client();
    const response = await client.signIn("anna", "/auth/login?return_to=/ops/crm-events%3Fx=1");
    expect(response.headers.get("location")).toBe(`${world.url}/ops/crm-events?x=1`);
    const [session = ""] = response.headers.getSetCookie().filter((line) => line.startsWith("aetherlink="));
    expect(session).toMatch(/; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    expect(Buffer.from(client.session, "base64url").toString("latin1")).not.toContain("anna");
    expect((await client.api("/api/crm/jobs")).status).toBe(200);
    expect((await client.api("/api/crm/jobs", { headers: { "X-Tenant-Id": TENANT_B } })).status).toBe(403);
    expect((await client.api("/api/ops/outbox")).status).toBe(403);
    const page = await (await client.api("/ops/crm-events")).text();
    expect(page).toContain("Anna &lt;b>Berg&lt;/b>");
    expect(page).toContain("Log out");
  });

  test("of one without a role lets them see nothing", async () => {
    const client = new Client();
    await client.signIn("nina");
    for (const path of ["/api/crm/jobs", "/crm-events", "/ops/crm-events", "/api/ops/outbox"])
      expect((await client.api(path)).status).toBe(403);
  });

  test.each([
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/.//evil.example",
    "/%2e//evil.example",
    "/x/..//evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "@evil.example",
    "",
  ])("leads nowhere but to our own pages: return_to=%j", async (returnTo) => {
    const response = await new Client().signIn("anna", `/auth/login?return_to=${encodeURIComponent(returnTo)}`);
    expect(response.status).toBe(302);
    const to = new URL(response.headers.get("location") ?? "");
    expect([to.origin, to.pathname]).toEqual([world.url, "/ops/crm-events"]);
  });

  test("is not finished for a browser that did not begin it, nor twice, nor with another state or issuer", async () => {
    const attacker = new Client();
    const callback = await attacker.toCallback("anna");
    const victim = new Client();
    expect((await victim.fetch(callback)).status).toBe(400);
    await victim.api("/auth/login");
    expect((await victim.fetch(callback)).status).toBe(400);
    expect(victim.session).toBe("");
    const other = new URL(callback);
    other.searchParams.set("iss", "https://evil.example");
    expect((await attacker.fetch(other.href)).status).toBe(401);
    expect(attacker.session).toBe("");
    expect((await attacker.fetch(callback)).status).toBe(400);
    const client = new Client();
    const again = await client.toCallback("anna");
    expect((await client.fetch(again)).status).toBe(302);
    expect((await client.fetch(again)).status).toBe(400);
  });

  test("with a code that the provider does not know, or its refusal, is an error and no session", async () => {
    for (const change of [{ code: "forged" }, { error: "access_denied" }]) {
      const client = new Client();
      const callback = new URL(await client.toCallback("anna"));
      if ("error" in change) callback.searchParams.delete("code");
      for (const [name, value] of Object.entries(change)) callback.searchParams.set(name, value);
      expect((await client.fetch(callback.href)).status).toBe("error" in change ? 403 : 401);
      expect(client.session).toBe("");
    }
  });
});

describe("a session", () => {
  test.each<[string, (session: string) => Promise<string> | string]>([
    ["that was tampered with", (s) => `${s.slice(0, -30)}${s.at(-30) === "A" ? "B" : "A"}${s.slice(-29)}`],
    ["cut short", (s) => s.slice(0, -4)],
    ["of another secret", () => forged(["another secret of 32 bytes and more"])],
    ["that was sealed for a login", () => forged([SECRET], "login")],
    ["that is over", () => forged([SECRET], "session", -1_000)],
    ["with another content", () => new Sealer([SECRET]).seal("session", { sub: "x" }, new Date(Date.now() + 60_000))],
    ["that is text", () => "x"],
  ])("%s is none", async (_, change) => {
    const client = new Client();
    await client.signIn("anna");
    const { session } = client;
    client.session = await change(session);
    expect((await client.api("/api/crm/jobs")).status).toBe(401);
    client.session = session;
    expect((await client.api("/api/crm/jobs")).status).toBe(200);
  });

  /** A session as we would write it, with every right. */
  function forged(secrets: string[], purpose: "session" | "login" = "session", ms = 60_000): Promise<string> {
    const ends = Math.floor(Date.now() / 1_000) + 60;
    const content = { sub: "x", name: "x", tenants: [TENANT_A], roles: ["crm:read"], ends, until: ends };
    return new Sealer(secrets).seal(purpose, content, new Date(Date.now() + ms));
  }

  test("of a former secret goes on while that is still listed", async () => {
    const sealed = await new Sealer([SECRET]).seal("session", { sub: "x" }, new Date(Date.now() + 60_000));
    const rotated = new Sealer(["a newer secret also of 32 bytes and more", SECRET]);
    expect(await rotated.open("session", sealed, new Date())).toMatchObject({ sub: "x" });
  });

  test.each<[string, Record<string, string>, number]>([
    ["our own page", { "Sec-Fetch-Site": "same-origin" }, 201],
    ["our own page, by an older browser", { Origin: "self" }, 201],
    ["another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["another host of the site", { "Sec-Fetch-Site": "same-site" }, 403],
    ["another site, by an older browser", { Origin: "https://evil.example" }, 403],
    ["a sandboxed frame", { Origin: "null" }, 403],
    ["nobody says where", {}, 403],
  ])("writes for %s: %p is %i", async (_, headers, status) => {
    const client = new Client();
    await client.signIn("anna");
    const sent = headers.Origin === "self" ? { Origin: world.url } : headers;
    expect((await client.api("/api/crm/jobs", post(sent))).status).toBe(status);
    expect((await client.api("/auth/logout", { method: "POST", headers: sent })).status).toBe(
      status === 201 ? 200 : 403,
    );
    expect((await client.api("/api/crm/jobs")).status).toBe(status === 201 ? 401 : 200);
  });

  test("is refreshed when its token ends, once for all requests, and ends for good after 12 hours", async () => {
    const client = new Client();
    await client.signIn("anna");
    const before = client.session;
    world.clock.aheadMs = 3_590_000;
    try {
      const none = `/api/crm/jobs/${TENANT_A}`;
      const written = post({ "Sec-Fetch-Site": "same-origin" });
      const all = await Promise.all([
        client.api("/api/crm/jobs"),
        client.api(none),
        client.api("/api/crm/jobs", written),
      ]);
      expect(all.map(({ status }) => status)).toEqual([200, 404, 201]);
      // Each carries the new cookie: the refresh token of the old one is used up.
      for (const { headers } of all) expect(headers.getSetCookie().join()).toContain("aetherlink=");
      expect(client.session).not.toBe(before);
      world.clock.aheadMs = 12 * 3_600_000 + 10_000;
      expect((await client.api("/api/crm/jobs")).status).toBe(401);
    } finally {
      world.clock.aheadMs = 0;
    }
  });
});

const found = findChromium();
describe.skipIf("missing" in found && process.env.CI !== "true")("in Chromium", () => {
  let browser: Browser;
  let profile = "";

  beforeAll(async () => {
    if ("missing" in found) throw new Error(found.missing);
    profile = await mkdtemp(join(tmpdir(), "aetherlink-login-"));
    browser = await launchChromium(found.path);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(profile, { recursive: true, force: true });
  });

  /** The provider runs on another port of the same host, and cookies know no ports. */
  const ours = async (context: BrowserContext) =>
    (await context.cookies(world.url)).filter(({ name }) => name.startsWith("aetherlink"));

  const signIn = async (page: Page, account: string) => {
    await page.locator('input[name="login"]').fill(account);
    await page.locator('input[name="password"]').fill("x");
    await page.locator('button[type="submit"]').click();
    // The provider asks whether we may know who it is.
    await page.locator('input[name="prompt"][value="consent"]').waitFor({ state: "attached" });
    await page.locator('button[type="submit"]').click();
  };

  test("the page leads to the login and back, shows who is signed in, and signs out here and at the provider", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${world.url}/ops/crm-events`);
    expect(new URL(page.url()).origin).toBe(issuer.url);
    await signIn(page, "anna");
    await page.waitForURL(`${world.url}/ops/crm-events`);
    expect(await page.locator(".user-name").textContent()).toBe("Anna <b>Berg</b>");
    expect(await page.locator(".outbox").count()).toBe(0);
    const cookies = await ours(context);
    expect(cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite])).toEqual([[true, "Lax"]]);
    expect(await page.evaluate(() => document.cookie)).toBe("");

    await page.locator("button", { hasText: "Log out" }).click();
    await page.waitForURL(`${issuer.url}/session/end**`);
    await page.locator('button[value="yes"], button[name="logout"]').first().click();
    await page.waitForURL(`${world.url}/auth/signed-out**`);
    expect(await ours(context)).toEqual([]);
    await page.goto(`${world.url}/ops/crm-events`);
    await page.locator('input[name="login"]').waitFor();
    await context.close();
  }, 30_000);

  test("who runs the server sees the outbox", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${world.url}/ops/crm-events`);
    await signIn(page, "otto");
    await page.waitForURL(`${world.url}/ops/crm-events`);
    expect(await page.locator(".relay").first().textContent()).toContain("Backlog");
    await context.close();
  }, 30_000);
});
