import { hkdfSync } from "node:crypto";
import { EncryptJWT, type JWTPayload, jwtDecrypt } from "jose";

/** What a sealed text is for: one kind is never taken for another. */
export type Purpose = "session" | "login";

/**
 * Seals what a cookie holds: encrypted and authenticated, with an end. Several secrets are for rotation: the first
 * seals, all of them open.
 */
export class Sealer {
  readonly #keys: readonly Uint8Array[];

  /** @param secrets of at least 32 bytes each */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => new Uint8Array(hkdfSync("sha256", secret, "", "aetherlink cookies 1", 32)));
  }

  /** Seals the content until `expires`. */
  async seal(purpose: Purpose, content: JWTPayload, expires: Date): Promise<string> {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("a sealer needs a secret");
    return await new EncryptJWT(content)
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .setAudience(purpose)
      .setExpirationTime(expires)
      .encrypt(key);
  }

  /** The content; undefined when it was not sealed by us for this purpose, or its end is over. */
  async open(purpose: Purpose, text: string, now: Date): Promise<JWTPayload | undefined> {
    for (const key of this.#keys) {
      try {
        const { payload } = await jwtDecrypt(text, key, {
          audience: purpose,
          requiredClaims: ["exp"],
          currentDate: now,
          keyManagementAlgorithms: ["dir"],
          contentEncryptionAlgorithms: ["A256GCM"],
        });
        return payload;
      } catch {
        // Another secret's, tampered with, or over: all the same to who sent it.
      }
    }
    return undefined;
  }
}
