/**
 * W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header
 * Version 00 has exactly four parts; a later version may have more, of which we read the first four.
 */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const TRACEPARENT_V0_LENGTH = 55;
/** The one flag that level 1 knows; the others are to be sent as 0. */
const SAMPLED = 0x01;

/** The trace that a request belongs to. */
export interface Trace {
  /** 32 lowercase hex digits. */
  readonly traceId: string;
  /** The header to pass on: same trace, our own span. */
  readonly traceparent: string;
}

/** What a traceparent says. */
export interface TraceParent {
  /** 32 lowercase hex digits, not all zero. */
  readonly traceId: string;
  /** 16 of them: the caller's span. */
  readonly spanId: string;
  /** The caller records it. */
  readonly isSampled: boolean;
}

/** Reads a traceparent; undefined when it is missing or malformed. */
export function parseTraceparent(header: string | null | undefined): TraceParent | undefined {
  const match = header === undefined || header === null ? null : TRACEPARENT.exec(header);
  if (match === null || (match[0].startsWith("00") && match[0].length !== TRACEPARENT_V0_LENGTH)) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = match;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** Continues the caller's trace, or starts one when the header is missing or malformed, as the specification asks. */
export function continueTrace(header: string | undefined): Trace {
  const parent = parseTraceparent(header);
  const traceId = parent?.traceId ?? randomHex(16);
  const flags = parent?.isSampled === false ? "00" : "01";
  return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-${flags}` };
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
