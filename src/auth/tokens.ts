import { errors, type JWTPayload, jwtVerify } from "jose";
import { AppError } from "../errors.ts";
import type { Caller } from "../http/caller.ts";
import { type ClaimNames, readSubject } from "./claims.ts";
import { challenge } from "./identity.ts";
import { type IssuerKeys, IssuerUnavailableError } from "./issuer-keys.ts";

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly claims: ClaimNames;
  readonly keys: IssuerKeys;
  now(): Date;
}

/** Signatures by a private key that we do not have; `none` and the HMACs, which take any public text as key, are not among them. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** Types of JWT that may be an access token: RFC 9068's, and none or the general one, as most issuers write. */
const TYPES = new Set(["", "jwt", "at+jwt", "application/at+jwt"]);
/** Seconds that the issuer's clock and ours may differ. */
const CLOCK_TOLERANCE_S = 30;
/** Tokens whose check is remembered until they expire: a signature costs more than all else in a request. */
const REMEMBERED = 2_000;
/** Characters of a token at most; a longer one is refused unread. */
const MAX_TOKEN = 12_000;

/** Checks bearer tokens. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  /** By the token's hash, so that none lies about in memory. */
  readonly #remembered = new Map<string, Caller>();
  #generation = 0;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
  }

  /**
   * Who the token is for.
   * @throws {AppError} unauthenticated, unavailable
   */
  async verify(token: string): Promise<Caller> {
    if (token.length > MAX_TOKEN) throw invalid("the token is too long");
    const { keys, now } = this.#options;
    keys.refreshWhenOld();
    if (this.#generation !== keys.generation) this.#remembered.clear();
    this.#generation = keys.generation;
    const hash = new Bun.CryptoHasher("sha256").update(token).digest("base64");
    const known = this.#remembered.get(hash);
    if (known?.expiresAt !== undefined && known.expiresAt > now()) return known;
    this.#remembered.delete(hash);
    const { generation } = keys;
    const caller = this.#toCaller(await this.claims(token));
    if (this.#remembered.size >= REMEMBERED) this.#forgetOldest();
    if (generation === keys.generation) this.#remembered.set(hash, caller);
    return caller;
  }

  /**
   * The claims of an access token for our audience, checked.
   * @throws {AppError} unauthenticated, unavailable
   */
  async claims(token: string): Promise<JWTPayload> {
    const { issuer, audience, keys, now } = this.#options;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ["exp", "sub"],
        currentDate: now(),
      });
      refuseOtherKinds(payload, protectedHeader.typ);
      return payload;
    } catch (error) {
      throw toAppError(error);
    }
  }

  #toCaller(claims: JWTPayload): Caller {
    const subject = readSubject(claims, this.#options.claims);
    const expiresAt = new Date(((claims.exp ?? 0) + CLOCK_TOLERANCE_S) * 1_000);
    return { ...subject, roles: new Set(subject.roles), expiresAt, by: "token" };
  }

  #forgetOldest(): void {
    for (const hash of this.#remembered.keys()) {
      this.#remembered.delete(hash);
      return;
    }
  }
}

/** ID tokens, logout tokens, refresh tokens of the same issuer, and tokens bound to a key that a bearer does not show. */
function refuseOtherKinds(payload: JWTPayload, typ: string | undefined): void {
  if (typeof payload.sub !== "string" || payload.sub === "") throw invalid("the token names no subject");
  const type = (typ ?? "").toLowerCase();
  if (!TYPES.has(type)) throw invalid("the token is no access token");
  if (payload.cnf !== undefined) throw invalid("the token is bound to a key, which is not supported here");
  if (type.endsWith("at+jwt")) return;
  // Keycloak says in a claim which of its tokens it is.
  if (payload.typ !== undefined) {
    if (payload.typ !== "Bearer") throw invalid("the token is no access token");
    return;
  }
  if (["nonce", "at_hash", "c_hash"].some((claim) => claim in payload)) throw invalid("an ID token is no access token");
}

function invalid(detail: string, cause?: unknown): AppError {
  return new AppError("unauthenticated", `The bearer token is not accepted: ${detail}`, {
    headers: { "WWW-Authenticate": challenge("invalid_token", detail) },
    cause,
  });
}

/** Words for callers: which check failed, and nothing of the token. */
function toAppError(error: unknown): unknown {
  if (error instanceof IssuerUnavailableError) {
    return new AppError("unavailable", "The keys of the OIDC issuer cannot be had right now. Try again", {
      headers: { "Retry-After": "2" },
      cause: error,
    });
  }
  if (error instanceof errors.JWTExpired) return invalid("it has expired", error);
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing") return invalid(`the claim ${error.claim} is missing`, error);
    return invalid(error.claim === "nbf" ? "it is not valid yet" : `the claim ${error.claim} is not ours`, error);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid("its algorithm is not allowed", error);
  if (error instanceof errors.JWKSNoMatchingKey) return invalid("the issuer has no such key", error);
  if (error instanceof errors.JWSSignatureVerificationFailed) return invalid("its signature is wrong", error);
  if (error instanceof errors.JOSEError) return invalid("it cannot be read", error);
  // A key and an algorithm that do not go together.
  return error instanceof TypeError ? invalid("it cannot be read", error) : error;
}
