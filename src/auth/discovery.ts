import { z } from "zod";

/** What we read of an issuer's discovery document (OpenID Connect Discovery 1.0, section 3). */
const discoverySchema = z.object({
  issuer: z.string(),
  jwks_uri: z.url(),
  // For a browser's login alone: tokens are checked without them, however they are written.
  authorization_endpoint: z.string().optional().catch(undefined),
  token_endpoint: z.string().optional().catch(undefined),
  code_challenge_methods_supported: z.array(z.string()).optional().catch(undefined),
});
const keysSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

export type Discovery = z.output<typeof discoverySchema>;
export type KeySet = z.output<typeof keysSchema>;

const FETCH_TIMEOUT_MS = 5_000;

/** An issuer as it describes itself. */
export interface DiscoveredIssuer {
  readonly discovery: Discovery;
  readonly keys: KeySet;
  /** When it answered by its own clock, to the second; undefined when it does not say. */
  readonly date: Date | undefined;
}

/**
 * Fetches an issuer's discovery document and its keys.
 * @throws {Error} when it does not answer, answers for another, or names keys that could be anyone's
 */
export async function discoverIssuer(issuer: string): Promise<DiscoveredIssuer> {
  const { body, date } = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const discovery = discoverySchema.parse(body);
  if (discovery.issuer !== issuer) throw new Error(`its discovery document is that of ${discovery.issuer}`);
  if (issuer.startsWith("https:") && !discovery.jwks_uri.startsWith("https:")) throw new Error("jwks_uri is not https");
  return { discovery, keys: keysSchema.parse((await fetchJson(discovery.jwks_uri)).body), date };
}

async function fetchJson(url: string): Promise<{ body: unknown; date: Date | undefined }> {
  const response = await fetch(url, {
    headers: { Accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const date = Date.parse(response.headers.get("date") ?? "");
  return { body: await response.json(), date: Number.isNaN(date) ? undefined : new Date(date) };
}
