import { z } from "zod";
import { allowed, claimName, isHttp, isIssuer, LOOPBACK } from "./config.values.ts";

/** Who callers are: the part of the configuration that is read by `auth/`. */

const AUTH = ["development", "none"] as const;

export const identityFields = {
  AUTH: z
    .enum(AUTH, allowed(AUTH))
    .default("development")
    .describe(
      "Who callers are without OIDC_ISSUER. 'development': anyone who can reach the loopback address. 'none': the same on any address, said outright.",
    ),
  OIDC_ISSUER: z
    .string()
    .refine(
      isIssuer,
      "must be an https URL without query, such as https://login.example.com/realms/crm; http on a loopback address only",
    )
    .optional()
    .describe("Who signs the access tokens. Set: callers need one. Unset: see AUTH."),
  OIDC_AUDIENCE: z
    .string()
    .min(1)
    .optional()
    .describe("Audience that an access token must be for; needed with OIDC_ISSUER."),
  OIDC_TENANT_CLAIM: claimName("tenants").describe("Claim with the caller's tenants: a list of UUIDs, or one."),
  OIDC_ROLES_CLAIM: claimName("roles").describe(
    "Claim with the caller's roles crm:read, crm:write and ops: a list, or a text with spaces; a path such as realm_access.roles is followed.",
  ),
  OIDC_CLIENT_ID: z
    .string()
    .min(1)
    .optional()
    .describe("Our client at the issuer, for the login of browsers. Unset: there is none."),
  OIDC_CLIENT_SECRET: z
    .string()
    .optional()
    .meta({ secret: true })
    .describe("The client's secret. Unset: a public client, proven by PKCE."),
  OIDC_SCOPE: z
    .string()
    .regex(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/, "must be words with one space between them")
    .refine((text) => text.split(" ").includes("openid"), "must have openid among its words")
    .default("openid profile")
    .describe("What the browser login asks for; with offline_access a session outlives its access token."),
  OIDC_RESOURCE: z
    .string()
    .refine((text) => URL.canParse(text), "must be a URI")
    .optional()
    .describe(
      "Resource (RFC 8707) that the browser login asks for, at an issuer that gives no tokens for us without it.",
    ),
  SESSION_SECRET: z
    .string()
    .transform((text) => text.split(",").map((secret) => secret.trim()))
    .refine(
      (all) => all.every((secret) => Buffer.byteLength(secret) >= 32),
      "must have at least 32 bytes; several, the newest first, are separated by commas",
    )
    .default([])
    .meta({ secret: true })
    .describe(
      "What session cookies are encrypted with, such as openssl rand -base64 48 makes; needed with OIDC_CLIENT_ID.",
    ),
  PUBLIC_URL: z
    .string()
    .refine(
      (text) => isHttp(text) && new URL(text).origin === text.replace(/\/$/, ""),
      "must be an origin such as https://crm.example.com",
    )
    .transform((text) => new URL(text).origin)
    .optional()
    .describe("Origin under which browsers reach this server, behind a proxy. Unset: as requests say."),
} as const;

/** What of the identity is missing or contradicts itself. */
export function* identityFaults(
  config: z.output<z.ZodObject<typeof identityFields>> & { HOST: string },
): Generator<[name: string, message: string]> {
  const { OIDC_ISSUER, OIDC_AUDIENCE, OIDC_CLIENT_ID, SESSION_SECRET, PUBLIC_URL, HOST, AUTH } = config;
  if (OIDC_ISSUER !== undefined) {
    if (AUTH === "none") yield ["AUTH", "is none, but OIDC_ISSUER is set: unset one of them"];
    if (OIDC_AUDIENCE === undefined)
      yield ["OIDC_AUDIENCE", "is needed with OIDC_ISSUER: tokens for others are not for us"];
  } else {
    if (OIDC_AUDIENCE !== undefined) yield ["OIDC_ISSUER", "is needed with OIDC_AUDIENCE"];
    if (OIDC_CLIENT_ID !== undefined) yield ["OIDC_ISSUER", "is needed with OIDC_CLIENT_ID"];
  }
  if (OIDC_CLIENT_ID === undefined) return;
  if (SESSION_SECRET.length === 0) yield ["SESSION_SECRET", "is needed with OIDC_CLIENT_ID: at least 32 bytes"];
  if (PUBLIC_URL === undefined && !LOOPBACK.has(HOST)) {
    yield ["PUBLIC_URL", "is needed with OIDC_CLIENT_ID when HOST is no loopback address: the login comes back there"];
  }
}
