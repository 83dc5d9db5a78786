/**
 * W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header
 * Version 00 has exactly four parts; a later version may have more, of which we read the first four.
 */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const TRACEPARENT_V0_LENGTH = 55;

/** The trace that a request belongs to. */
export interface Trace {
  /** 32 lowercase hex digits. */
  readonly traceId: string;
  /** The header to pass on: same trace, our own span. */
  readonly traceparent: string;
}

/** Continues the caller's trace, or starts one when the header is missing or malformed, as the specification asks. */
export function continueTrace(header: string | undefined): Trace {
  const match = header === undefined ? null : TRACEPARENT.exec(header);
  const isWhole = match !== null && (header?.startsWith("00") !== true || header.length === TRACEPARENT_V0_LENGTH);
  const traceId = (isWhole ? match[1] : undefined) ?? randomHex(16);
  const sampled = isWhole ? (header ?? "").slice(53, 55) : "01";
  return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-${sampled}` };
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
