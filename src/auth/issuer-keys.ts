import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import type { Logger } from "../metrics/logger.ts";
import { discoverIssuer } from "./discovery.ts";

/** The issuer's keys cannot be had right now, and one is needed that is not known. */
export class IssuerUnavailableError extends Error {
  override readonly name = "IssuerUnavailableError";
}

export interface IssuerKeysOptions {
  readonly issuer: string;
  readonly logger: Logger;
  now(): Date;
}

/** Milliseconds between two fetches, whatever tokens come: unknown key ids cost the sender nothing and must not cost the issuer. */
export const COOLDOWN_MS = 30_000;
/** The same after a fetch that failed: an issuer that comes back is found soon. */
export const RETRY_MS = 2_000;
/** Milliseconds after which the keys are fetched again beside the requests, so that a withdrawn key ends. */
export const REFRESH_MS = 600_000;

type Resolve = ReturnType<typeof createLocalJWKSet>;

/**
 * The issuer's public keys, found by discovery. Kept for as long as the issuer is away: jose's own remote set lets
 * them go when a refresh fails, and asks again for each token while it does.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: { readonly resolve: Resolve; readonly text: string; readonly fetchedAt: number } | undefined;
  #failedAt: number | undefined;
  #pending: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Another number once other keys are known: what was found valid with the former ones is to be looked at again. */
  generation = 0;

  /** Fetches the keys before the first request needs them; a failure is logged and tried again when they are needed. */
  async warm(): Promise<void> {
    await this.#refresh().catch((error: unknown) =>
      this.#options.logger.warn(
        { issuer: this.#options.issuer, reason: messageOf(error) },
        "the OIDC issuer cannot be reached; bearer tokens are answered 503 until it can",
      ),
    );
  }

  /** Fetches the keys again, beside the requests, when they are old. */
  refreshWhenOld(): void {
    const age = this.#options.now().getTime() - (this.#keys?.fetchedAt ?? 0);
    if (this.#keys === undefined || age < REFRESH_MS || this.#failedRecently()) return;
    void this.#refresh().catch((error: unknown) =>
      this.#options.logger.warn({ reason: messageOf(error) }, "the OIDC issuer's keys stay as they were"),
    );
  }

  /**
   * The key for a token's header, as `jwtVerify` asks for it.
   * @throws {IssuerUnavailableError} when it is not known and the issuer does not answer
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const known = this.#keys;
    if (known === undefined) {
      if (this.#failedRecently()) throw new IssuerUnavailableError("the issuer did not answer a moment ago");
      await this.#refreshOrThrow();
      return await this.#resolve(header, token);
    }
    try {
      return await known.resolve(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#failedRecently()) throw new IssuerUnavailableError("the key is not known", { cause: error });
      if (this.#options.now().getTime() - known.fetchedAt < COOLDOWN_MS) throw error;
      await this.#refreshOrThrow();
      return await this.#resolve(header, token);
    }
  };

  #resolve(...[header, token]: Parameters<JWTVerifyGetKey>) {
    if (this.#keys === undefined) throw new IssuerUnavailableError("no keys are known");
    return this.#keys.resolve(header, token);
  }

  #failedRecently(): boolean {
    return this.#failedAt !== undefined && this.#options.now().getTime() - this.#failedAt < RETRY_MS;
  }

  async #refreshOrThrow(): Promise<void> {
    try {
      await this.#refresh();
    } catch (error) {
      throw new IssuerUnavailableError(messageOf(error), { cause: error });
    }
  }

  /** One fetch at a time, for all who wait. */
  #refresh(): Promise<void> {
    this.#pending ??= this.#fetchAll().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetchAll(): Promise<void> {
    const { issuer, now } = this.#options;
    try {
      const set: JSONWebKeySet = (await discoverIssuer(issuer)).keys;
      const text = JSON.stringify(set);
      if (text !== this.#keys?.text) this.generation += 1;
      this.#keys = { resolve: createLocalJWKSet(set), text, fetchedAt: now().getTime() };
      this.#failedAt = undefined;
    } catch (error) {
      this.#failedAt = now().getTime();
      throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
