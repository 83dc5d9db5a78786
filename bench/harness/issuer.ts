/** A real issuer of tokens, and a token of it. Its package is loaded only here, since that prints warnings. */
import type { Bench } from "./bench.ts";

export const TENANT_A = "aaaaaaaa-0000-4000-8000-000000000001";

/** What a server needs to ask for the token, and the header that brings it. */
export interface Identity {
  readonly env: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** The issuer goes when the question ends; the token holds for ten hours. */
export async function identity(bench: Bench): Promise<Identity> {
  const { AUDIENCE, Issuer, newKey } = await import("../../test/auth/issuer.ts");
  const issuer = bench.keep(await new Issuer([await newKey("k1")]).start());
  const token = await issuer.token({ exp: Math.floor(Date.now() / 1_000) + 36_000 });
  return { env: { OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE }, headers: { Authorization: `Bearer ${token}` } };
}
