import * as oidc from "openid-client";
import { AppError } from "../errors.ts";
import { type ClaimNames, readSubject, type Subject } from "./claims.ts";
import type { TokenVerifier } from "./tokens.ts";

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client, proven by PKCE alone. */
  readonly clientSecret: string | undefined;
  readonly scope: string;
  /** Asked for as `resource` (RFC 8707) as well as checked; undefined: the provider knows the audience by itself. */
  readonly resource: string | undefined;
  readonly claims: ClaimNames;
  readonly tokens: TokenVerifier;
}

/** What a login has to remember until the browser is back. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** What the provider says of who signed in. */
export interface SignedIn {
  readonly subject: Subject;
  /** Seconds since 1970 at which it ends. */
  readonly expiresAt: number;
  readonly refreshToken: string | undefined;
}

const TIMEOUT_S = 5;
/** Seconds for which a login counts when the provider does not say. */
const DEFAULT_LIFE_S = 300;

/** The OIDC provider as the browser login needs it: authorization code with PKCE, by openid-client. */
export class Provider {
  readonly #options: ProviderOptions;
  #configuration: Promise<oidc.Configuration> | undefined;

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** Where the browser signs in, and what to remember until it is back. */
  async begin(redirectUri: string): Promise<{ url: URL; pending: PendingLogin }> {
    const configuration = await this.#discover();
    const pending = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: this.#options.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      ...(this.#options.resource === undefined ? {} : { resource: this.#options.resource }),
    });
    return { url, pending };
  }

  /**
   * Redeems the code that the browser came back with.
   * @param callback the URL that it came to, as it was registered
   * @throws {AppError} unauthenticated, forbidden, unavailable
   */
  async finish(callback: URL, pending: PendingLogin): Promise<SignedIn> {
    const configuration = await this.#discover();
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.verifier,
        idTokenExpected: true,
      });
      return await this.#signedIn(tokens, tokens.claims());
    } catch (error) {
      throw toAppError(error);
    }
  }

  /**
   * A new proof for a session whose old one ends.
   * @throws {AppError} unauthenticated when the provider has ended it, unavailable
   */
  async refresh(refreshToken: string): Promise<SignedIn> {
    const configuration = await this.#discover();
    try {
      const tokens = await oidc.refreshTokenGrant(configuration, refreshToken);
      const next = await this.#signedIn(tokens, tokens.claims());
      return { ...next, refreshToken: next.refreshToken ?? refreshToken };
    } catch (error) {
      throw toAppError(error);
    }
  }

  /** Where the browser signs out at the provider; undefined when it offers that not. */
  async endUrl(backTo: string): Promise<URL | undefined> {
    const configuration = await this.#discover();
    if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
    return oidc.buildEndSessionUrl(configuration, { post_logout_redirect_uri: backTo });
  }

  /** An access token for our audience says what its bearer may do; with any other it is the ID token that does. */
  async #signedIn(tokens: oidc.TokenEndpointResponse, idToken: oidc.IDToken | undefined): Promise<SignedIn> {
    const access = await this.#options.tokens.claims(tokens.access_token).catch((error: unknown) => {
      if (error instanceof AppError && error.code === "unauthenticated") return undefined;
      throw error;
    });
    if (access !== undefined && idToken !== undefined && access.sub !== idToken.sub) {
      throw new AppError("unauthenticated", "The provider's tokens are of two subjects");
    }
    const claims = access ?? idToken;
    if (claims === undefined) throw new AppError("unauthenticated", "The provider sent no token that can be read");
    const subject = readSubject(claims, this.#options.claims);
    const named = idToken === undefined ? subject : readSubject(idToken, this.#options.claims);
    const ends = access?.exp ?? Math.floor(Date.now() / 1_000) + (tokens.expires_in ?? DEFAULT_LIFE_S);
    return { subject: { ...subject, name: named.name }, expiresAt: ends, refreshToken: tokens.refresh_token };
  }

  /** Once found it is kept; a failure is not. */
  #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret } = this.#options;
    const url = new URL(issuer);
    this.#configuration ??= oidc
      .discovery(
        url,
        clientId,
        undefined,
        clientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(clientSecret),
        {
          timeout: TIMEOUT_S,
          // The configuration allows that for a loopback address alone.
          execute: url.protocol === "http:" ? [oidc.allowInsecureRequests] : [],
        },
      )
      .catch((error: unknown) => {
        this.#configuration = undefined;
        throw unavailable(error);
      });
    return this.#configuration;
  }
}

function unavailable(cause: unknown): AppError {
  return new AppError("unavailable", "The OIDC provider cannot be reached right now. Try again", {
    headers: { "Retry-After": "2" },
    cause,
  });
}

/** What the provider refused is the caller's to know; what did not reach it is a 503. */
function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  if (error instanceof oidc.AuthorizationResponseError) {
    return new AppError("forbidden", "The provider did not sign you in", { cause: error });
  }
  if (error instanceof oidc.ResponseBodyError) {
    if (error.status >= 500) return unavailable(error);
    return new AppError("unauthenticated", "The provider does not accept this login any more", { cause: error });
  }
  if (error instanceof oidc.ClientError) {
    if (error.code === "OAUTH_TIMEOUT" || error.cause instanceof TypeError) return unavailable(error);
    return new AppError("unauthenticated", "The provider's answer is not accepted", { cause: error });
  }
  return error instanceof TypeError ? unavailable(error) : error;
}
