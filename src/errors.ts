/**
 * What a caller can be told went wrong. The edge has one table from these codes to status and title; a fault that is
 * none of them is 'internal', logged and not shown.
 */
export type ErrorCode =
  | "malformed-request"
  | "unauthenticated"
  | "forbidden"
  | "invalid-field"
  | "unsupported-media-type"
  | "body-too-large"
  | "body-too-slow"
  | "path-too-long"
  | "too-many-requests"
  | "not-found"
  | "method-not-allowed"
  | "in-use"
  | "precondition-failed"
  | "precondition-required"
  | "idempotency-key-busy"
  | "idempotency-key-reused"
  | "unavailable"
  | "internal";

/** One thing that is wrong with a request: where it stands and what is allowed there. */
export interface Fault {
  /** JSON pointer into the body as a URI fragment (RFC 6901, section 6), such as `#/title`. */
  readonly pointer?: string;
  /** Name of the header that is at fault. */
  readonly header?: string;
  /** Name of the path or query parameter that is at fault. */
  readonly parameter?: string;
  readonly detail: string;
}

/** An error that the caller may see. `detail` is a sentence for people; programs go by `code`. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly faults: readonly Fault[];
  /** Response headers that belong to the error, such as Allow or Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    options: { faults?: readonly Fault[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.faults = options.faults ?? [];
    this.headers = options.headers ?? {};
  }
}

/** An AppError about one header. */
export function headerError(header: string, detail: string): AppError {
  return new AppError("malformed-request", `${header} ${detail}`, { faults: [{ header, detail }] });
}
