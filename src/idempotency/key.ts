import { headerError } from "../errors.ts";

/** 1 to 255 visible ASCII characters. A repeated header arrives joined by ", ", whose space is none of them. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Checks the Idempotency-Key header.
 * @returns the key, or undefined when the header is missing, which is allowed
 * @throws {AppError} malformed-request
 */
export function parseKey(header: string | undefined): string | undefined {
  if (header === undefined || KEY.test(header)) return header;
  throw headerError("Idempotency-Key", "must be sent once, with 1 to 255 visible ASCII characters and no space");
}

/** All that makes two requests the same. */
export interface RequestShape {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly principal: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** SHA-256 of the request, each part preceded by its length so that no two requests share an encoding. */
export function fingerprint(request: RequestShape): Uint8Array {
  const parts = [request.method, request.path, request.query, request.principal, request.contentType];
  const head = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join("");
  return new Bun.CryptoHasher("sha256").update(head).update(request.body).digest();
}
