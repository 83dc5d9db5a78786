import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import { type ClientMetadata, type Configuration, Provider } from "oidc-provider";

export const AUDIENCE = "https://crm.example/api";
export const TENANT_A = "aaaaaaaa-0000-4000-8000-000000000001";
export const TENANT_B = "bbbbbbbb-0000-4000-8000-000000000002";

/** An account of the issuer: what its tokens say. */
export interface Account {
  readonly name: string;
  readonly tenants: string[];
  readonly roles: string[];
}

/** A key of the issuer, private half too, so that a test can sign what the issuer never would. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly key: CryptoKey;
  readonly jwk: JWK;
}

export async function newKey(kid: string, alg = "RS256"): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, key: privateKey, jwk: { ...(await exportJWK(privateKey)), kid, alg, use: "sig" } };
}

/** A real issuer, the npm package oidc-provider, that can be stopped and started again with other keys on the same port. */
export class Issuer {
  #server: Server | undefined;
  #port = 0;
  /** Requests of its keys so far. */
  keyRequests = 0;

  constructor(
    public keys: SigningKey[],
    private readonly accounts: Record<string, Account> = {},
    public clients: ClientMetadata[] = [],
    private readonly accessTokenTtlS = 3_600,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Takes a port that stays its own, without answering yet. */
  async reserve(): Promise<this> {
    await this.start();
    await this.stop();
    return this;
  }

  async start(): Promise<this> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    const provider = new Provider(this.url, this.#configuration());
    const callback = provider.callback();
    server.on("request", (request, response) => {
      if (request.url === "/jwks") this.keyRequests += 1;
      void callback(request, response);
    });
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** A token as the issuer signs it, with whatever a test makes different. */
  async token(
    claims: Record<string, unknown> = {},
    header: Partial<JWTHeaderParameters> = {},
    key = this.keys[0],
  ): Promise<string> {
    if (key === undefined) throw new Error("the issuer has no key");
    const now = Math.floor(Date.now() / 1_000);
    const whole = {
      iss: this.url,
      aud: AUDIENCE,
      sub: "anna",
      iat: now,
      exp: now + 300,
      tenants: [TENANT_A],
      roles: ["crm:read", "crm:write"],
      ...claims,
    };
    return await new SignJWT(whole)
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header })
      .sign(key.key, { crit: { x: true } });
  }

  #configuration(): Configuration {
    const { accounts, accessTokenTtlS } = this;
    const claimsOf = (id: string) => {
      const { name, tenants, roles } = accounts[id] ?? { name: id, tenants: [], roles: [] };
      return { name, tenants, roles };
    };
    return {
      clients: this.clients,
      jwks: { keys: this.keys.map(({ jwk }) => jwk) as never },
      cookies: { keys: ["a key of this test alone"] },
      claims: { openid: ["sub"], profile: ["name"] },
      conformIdTokenClaims: false,
      findAccount: (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId, ...claimsOf(accountId) }) }),
      extraTokenClaims: async (_, token) => ("accountId" in token ? claimsOf(String(token.accountId)) : {}),
      ttl: { AccessToken: accessTokenTtlS, IdToken: 3_600, Grant: 3_600, Session: 3_600, Interaction: 600 },
      issueRefreshToken: async (_, client) => client.grantTypeAllowed("refresh_token"),
      rotateRefreshToken: true,
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        rpInitiatedLogout: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ scope: "openid profile", audience: AUDIENCE, accessTokenFormat: "jwt" }),
        },
      },
    };
  }
}
