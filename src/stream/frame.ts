import type { LogRecord } from "../log/log.ts";
import { formatVector, type OffsetVector } from "../log/vector.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One event as it goes to clients, encoded once. */
export class Frame {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, from the log. */
  readonly timestamp: number;
  /** The record's key: the id of the aggregate. */
  readonly key: string | null;
  /** When the event happened, in milliseconds since 1970; NaN when the record does not say. */
  readonly occurredAt: number;
  /** Event type, when the record says it. */
  readonly type: string | undefined;
  /** Tenant that it belongs to, lower case, when the record says so. */
  readonly tenantId: string | undefined;
  /** Trace that it was written in. */
  readonly traceparent: string | undefined;
  /** The whole SSE frame. */
  readonly bytes: Uint8Array;
  /** Where the event's own JSON stands in `json`. */
  readonly #valueAt: number;
  readonly #valueEnd: number;
  #searchable: string | undefined;

  /**
   * @param id vector of next offsets behind the event
   * @param receivedAt when this process read it, in milliseconds since 1970; undefined for what it read long after it was written
   */
  constructor(
    record: LogRecord,
    readonly id: string,
    receivedAt?: number,
  ) {
    const { topic, partition, offset, timestamp, key, headers } = record;
    const head = JSON.stringify({ kind: "domain_event", topic, partition, offset, timestamp, receivedAt, key });
    const value = valueJson(record.value);
    const json = `${head.slice(0, -1)},"value":${value},"headers":${JSON.stringify(headers)}}`;
    this.partition = partition;
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.occurredAt = Date.parse(headers.ce_time ?? "");
    this.type = headers.ce_type;
    this.traceparent = headers.traceparent;
    this.tenantId = headers.ce_tenantid?.toLowerCase();
    this.bytes = encodeData(id, json);
    this.#valueAt = head.length - 1 + ',"value":'.length;
    this.#valueEnd = this.#valueAt + value.length;
  }

  /** The `data:` line's JSON. Not kept beside the bytes, which are most of what the ring holds. */
  get json(): string {
    return decoder.decode(this.bytes.subarray("id: \ndata: ".length + this.id.length, -"\n\n".length));
  }

  /** The event's own JSON in lower case, kept until `rest`. */
  get searchable(): string {
    this.#searchable ??= this.json.slice(this.#valueAt, this.#valueEnd).toLowerCase();
    return this.#searchable;
  }

  /** Lets go of what was only kept while filters looked at it. */
  rest(): void {
    this.#searchable = undefined;
  }

  /** The frame for a client at `position` (this event included): the shared bytes, unless the client's own vector differs. */
  at(position: OffsetVector): Uint8Array {
    const id = formatVector(position);
    return id === this.id ? this.bytes : encodeData(id, this.json);
  }
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
export function encodePreamble(retryMs: number, comment = "aetherlink"): Uint8Array {
  return encoder.encode(`retry: ${retryMs}\n: ${comment}\n\n`);
}

/**
 * An id without data: dispatches nothing but is remembered, so that a client which saw no event yet resumes from here too.
 * Not for a client that is still catching up: it would skip what it was not sent yet.
 */
export function encodePosition(id: string): Uint8Array {
  return encoder.encode(`id: ${id}\n\n`);
}

/** A sign of life that dispatches nothing; with an id as `encodePosition`. */
export function encodeBeat(id: string | undefined): Uint8Array {
  return encoder.encode(`: heartbeat\n${id === undefined ? "" : `id: ${id}\n`}\n`);
}

/** Several pieces as one. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 && pieces[0] !== undefined
    ? pieces[0]
    : new Uint8Array(Bun.concatArrayBuffers([...pieces]));
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
