import type { LogRecord } from "../log/log.ts";
import { formatVector, type OffsetVector } from "../log/vector.ts";

/** One event as it goes to clients, encoded once. */
export interface Frame {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, from the log. */
  readonly timestamp: number;
  /** CloudEvents id, when the record has one: what makes two records the same event. */
  readonly eventId: string | undefined;
  /** Tenant that it belongs to, when the record says so. */
  readonly tenantId: string | undefined;
  /** SSE id: the vector of next offsets behind this event. */
  readonly id: string;
  /** The `data:` line's JSON. */
  readonly json: string;
  /** The whole SSE frame. */
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();

/** Encodes a record; `id` is the vector of next offsets behind it. */
export function encodeFrame(record: LogRecord, id: string): Frame {
  const json = frameJson(record);
  return {
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    eventId: record.headers.ce_id,
    tenantId: record.headers.ce_tenantid?.toLowerCase(),
    id,
    json,
    bytes: encodeData(id, json),
  };
}

/**
 * An SSE frame with an id and data: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 * @param json one line
 */
export function encodeData(id: string, json: string): Uint8Array {
  return encoder.encode(`id: ${id}\ndata: ${json}\n\n`);
}

/** A named event. `data` is one line of JSON. */
export function encodeNamed(event: "heartbeat" | "reset", id: string | undefined, data: string): Uint8Array {
  return encoder.encode(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`);
}

/** What a stream begins with: the pause before a reconnect, and bytes that make Bun send the response's headers. */
export function encodePreamble(retryMs: number): Uint8Array {
  return encoder.encode(`retry: ${retryMs}\n: aetherlink\n\n`);
}

/**
 * An id without data: dispatches nothing but is remembered, so that a client which saw no event yet resumes from here too.
 * Not for a client that is still catching up: it would skip what it was not sent yet.
 */
export function encodePosition(id: string): Uint8Array {
  return encoder.encode(`id: ${id}\n\n`);
}

/** The frame for a client at `position` (this event included): the shared bytes, unless the client's own vector differs. */
export function frameAt(frame: Frame, position: OffsetVector): Uint8Array {
  const id = formatVector(position);
  return id === frame.id ? frame.bytes : encodeData(id, frame.json);
}

/** Several chunks as one. */
export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 && chunks[0] !== undefined
    ? chunks[0]
    : new Uint8Array(Bun.concatArrayBuffers([...chunks]));
}

function frameJson(record: LogRecord): string {
  const { topic, partition, offset, timestamp, key, headers } = record;
  const head = JSON.stringify({ kind: "domain_event", topic, partition, offset, timestamp, key });
  return `${head.slice(0, -1)},"value":${valueJson(record.value)},"headers":${JSON.stringify(headers)}}`;
}

/** Our own events are JSON on one line and pass through as they are. What others wrote is made so, or shown as text. */
function valueJson(value: string | null): string {
  if (value === null) return "null";
  try {
    const parsed: unknown = JSON.parse(value);
    return /[\r\n]/.test(value) ? JSON.stringify(parsed) : value;
  } catch {
    return JSON.stringify(value);
  }
}
