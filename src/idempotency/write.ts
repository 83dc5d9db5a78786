import { AppError } from "../errors.ts";
import { shownAs } from "../http/shown-as.ts";

/** How a write is remembered, when the caller sent a key. */
export interface IdempotentRequest {
  readonly key: string;
  /** 32 bytes. */
  readonly fingerprint: Uint8Array;
}

/** A response as it is stored and sent: the same bytes each time. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a write function of `sql/functions/` returns, see `begin_write.sql`. */
export interface WriteRow {
  readonly outcome: "proceed" | "replay" | "busy" | "mismatch";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds after which a caller whose key is busy may ask again. */
const RETRY_AFTER_S = 1;

/**
 * Reads the result of a write.
 * @returns the response, and whether it was given before: then nothing was written now
 * @throws {AppError} idempotency-key-busy or idempotency-key-reused
 */
export function readWrite(row: WriteRow | undefined): { response: StoredResponse; replayed: boolean } {
  switch (row?.outcome) {
    case "proceed":
    case "replay":
      return { response: row, replayed: row.outcome === "replay" };
    case "busy":
      throw new AppError(
        "idempotency-key-busy",
        "Another request with this Idempotency-Key is being worked on; send it again",
        {
          headers: { "Retry-After": String(RETRY_AFTER_S) },
          faults: [{ header: "Idempotency-Key", detail: "is in use by a request that has not ended" }],
        },
      );
    case "mismatch":
      throw new AppError(
        "idempotency-key-reused",
        "This Idempotency-Key was sent before with another request; a new request needs a new key",
        {
          faults: [
            {
              header: "Idempotency-Key",
              detail: "belongs to a request with another method, path, content type or body",
            },
          ],
        },
      );
    default:
      throw new Error("a write function returned no row");
  }
}

/**
 * The HTTP response for a write; a replay says so in `Idempotent-Replayed`.
 * Its type says what a successful one has in it, for the typed client (`src/crm/api.ts`).
 */
export function writeResponse<Body>({ response, replayed }: { response: StoredResponse; replayed: boolean }) {
  const headers = replayed ? { ...response.headers, "Idempotent-Replayed": "true" } : response.headers;
  // A 204 must not have a body, not even an empty one.
  return shownAs<Body>(
    new Response(response.status === 204 ? null : response.body, { status: response.status, headers }),
  );
}
