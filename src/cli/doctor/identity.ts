import { type DiscoveredIssuer, discoverIssuer } from "../../auth/discovery.ts";
import type { Config } from "../../config.ts";
import { reasonOf } from "../broker.ts";
import { counted, type Finding, failed, off, ok } from "./check.ts";

/** The issuer of OIDC_ISSUER as the checks see it: asked once. */
export class IssuerLook {
  readonly #config: Config;
  readonly #found: Promise<DiscoveredIssuer | Error> | undefined;

  constructor(config: Config) {
    this.#config = config;
    const { OIDC_ISSUER: issuer } = config;
    this.#found =
      issuer === undefined
        ? undefined
        : discoverIssuer(issuer).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  }

  /** Whether it describes itself under that very name and has keys, and whether browsers can sign in there. */
  async check(): Promise<Finding> {
    const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_CLIENT_ID: clientId } = this.#config;
    const found = await this.#found;
    if (found === undefined) return off("OIDC_ISSUER is not set: nobody needs a token");
    if (found instanceof Error)
      return failed(
        `${issuer}: ${reasonOf(found)}`,
        "set OIDC_ISSUER to the issuer exactly as its discovery document writes it, and let this machine reach it",
      );
    const keys = found.keys.keys.filter(({ kty, use }) => kty !== "oct" && use !== "enc").length;
    if (keys === 0) return failed(`${issuer} has no key for signatures`, "let the issuer sign with RSA, EC or Ed25519");
    const fault = clientId === undefined ? undefined : loginFault(found.discovery);
    if (fault !== undefined)
      return failed(`${issuer}: ${fault}`, "use an issuer with the authorization code flow, or unset OIDC_CLIENT_ID");
    const login = clientId === undefined ? "no login of browsers" : `browsers sign in as client ${clientId}`;
    return ok(`${issuer}: ${counted(keys, "key")}; tokens have to be for ${audience}; ${login}`);
  }

  /** The issuer's clock, to the second; undefined when there is none, or it does not say. */
  async date(): Promise<Date | undefined> {
    const found = await this.#found;
    return found === undefined || found instanceof Error ? undefined : found.date;
  }
}

function loginFault({
  authorization_endpoint,
  token_endpoint,
  code_challenge_methods_supported: methods,
}: DiscoveredIssuer["discovery"]): string | undefined {
  if (authorization_endpoint === undefined || token_endpoint === undefined)
    return "it names no endpoints for the login of browsers";
  return methods === undefined || methods.includes("S256") ? undefined : "it does not know PKCE with S256";
}
