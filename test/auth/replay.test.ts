/** A stored answer is given to whoever made the request, and to nobody else who happens to send its key. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { AUDIENCE, Issuer, newKey, TENANT_A, TENANT_B } from "./issuer.ts";
import { startWorld, type World } from "./world.ts";

const KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const SECRET = "the first caller's own words";

let issuer: Issuer;
let world: World;
beforeAll(async () => {
  issuer = await new Issuer([await newKey("k1")]).start();
  world = await startWorld({ OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE });
});
afterAll(async () => {
  await world?.stop();
  await issuer?.stop();
});

/** Sends the very same request, as somebody. */
async function post(who: { sub: string; tenants?: string[]; roles?: string }) {
  const token = await issuer.token({ tenants: [TENANT_A], roles: "crm:write", ...who });
  const response = await fetch(`${world.url}/api/crm/jobs`, {
    method: "POST",
    body: JSON.stringify({ title: SECRET }),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": KEY },
  });
  return {
    status: response.status,
    text: await response.text(),
    isReplay: response.headers.get("Idempotent-Replayed") === "true",
    location: response.headers.get("Location"),
  };
}

test("the first caller gets its answer again, with another token too; nobody else gets it", async () => {
  const first = await post({ sub: "anna" });
  expect([first.status, first.isReplay]).toEqual([201, false]);
  expect(await post({ sub: "anna" })).toEqual({ ...first, isReplay: true });

  // Of the same tenant: the request is another one, for somebody else sent it.
  const colleague = await post({ sub: "bert" });
  expect([colleague.status, colleague.isReplay, colleague.location]).toEqual([422, false, null]);
  expect(colleague.text).not.toContain(SECRET);

  // Of another tenant, with the same name even: it has keys of its own.
  const stranger = await post({ sub: "anna", tenants: [TENANT_B] });
  expect([stranger.status, stranger.isReplay]).toEqual([201, false]);
  expect(stranger.location).not.toBe(first.location);

  // Who may not write any more is not told what a write once came to either.
  const former = await post({ sub: "anna", roles: "crm:read" });
  expect([former.status, former.isReplay]).toEqual([403, false]);
  expect(former.text).not.toContain(SECRET);

  const [row] = await world.db.sql`select count(*)::int as jobs from jobs`;
  expect(row?.jobs).toBe(2);
});
