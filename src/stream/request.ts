import { z } from "zod";
import { AppError, type Fault } from "../errors.ts";
import { parseVector } from "../log/vector.ts";
import type { Filter } from "./filter.ts";
import type { Heartbeat } from "./heart.ts";
import { LIVE, type Start } from "./start.ts";

/** What a client asks for by its query and its `Last-Event-ID`. */
export interface StreamRequest {
  readonly start: Start;
  readonly filter: Filter;
  readonly heartbeat: Heartbeat;
}

/** Newest events of the past that may be asked for. */
const MAX_LIMIT = 10_000;
/** Values of one repeatable parameter: each is tried on every event. */
const MAX_VALUES = 50;
/** Characters of an id; a vector of 500 partitions. */
const MAX_ID = 10_000;
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const UUID = z.guid();
const DURATION = /^(\d{1,6})([smhd])$/;
/** RFC 3339, as far as `Date` reads it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;

/** The names of all parameters, each with what it may be. */
export const STREAM_PARAMETERS = {
  type: "must be 1 to 100 letters, digits, dots, hyphens, underscores or *, which stands for any text",
  tenant: "must be a UUID",
  aggregate: "must be the id of an aggregate, 1 to 200 characters",
  q: "must be text of 1 to 200 characters",
  since: "must be a time such as 2026-11-23T07:00:00Z, or how long ago as in 90s, 10m, 2h, 7d",
  from: "must be earliest or latest",
  limit: `must be a whole number from 0 to ${MAX_LIMIT}`,
  lastEventId: `must be an id of this stream, of at most ${MAX_ID} characters`,
  heartbeat: "must be comment or event",
} as const;

type Parameter = keyof typeof STREAM_PARAMETERS;

/**
 * Reads what a client asks for.
 * @param query every parameter with all its values
 * @param lastEventId the header; it counts first, for a browser that reconnects sends it with the query of its first connect
 * @param now milliseconds since 1970
 * @throws {AppError} malformed-request, naming every parameter that is at fault
 */
export function readStreamRequest(
  query: Readonly<Record<string, readonly string[]>>,
  lastEventId: string | undefined,
  now: number,
): StreamRequest {
  const reader = new QueryReader(query);
  const filter: Filter = {
    types: reader.several("type", (text) => /^[\w.*-]{1,100}$/.test(text)),
    tenants: reader.several("tenant", (text) => UUID.safeParse(text).success),
    aggregates: reader.several("aggregate", (text) => text.length >= 1 && text.length <= 200),
    texts: reader.several("q", (text) => text.length >= 1 && text.length <= 200),
  };
  const since = reader.one("since", (text) => readSince(text, now));
  const from = reader.one("from", (text) => (text === "earliest" || text === "latest" ? text : undefined));
  const limit = reader.one("limit", readLimit);
  const id = reader.one("lastEventId", (text) => (text.length <= MAX_ID ? text : undefined));
  const heartbeat = reader.one("heartbeat", (text) => (text === "comment" || text === "event" ? text : undefined));
  reader.refuseTogether("since", "from");
  for (const past of ["since", "from", "limit"] as const) reader.refuseTogether(past, "lastEventId");
  if (lastEventId !== undefined && lastEventId.length > MAX_ID)
    reader.faults.push({ header: "Last-Event-ID", detail: STREAM_PARAMETERS.lastEventId });
  reader.finish();
  return {
    filter,
    heartbeat: heartbeat ?? "comment",
    start: readStart(lastEventId || id, since, from, limit),
  };
}

function readStart(
  id: string | undefined,
  since: Date | undefined,
  from: "earliest" | "latest" | undefined,
  limit: number | undefined,
): Start {
  if (id) {
    // An id that we never wrote cannot be resumed from; an EventSource would give up for good on an error status.
    const position = parseVector(id);
    return position === undefined ? { kind: "unknown" } : { kind: "resume", position };
  }
  if (from === "latest" || (since === undefined && from === undefined && limit === undefined)) return LIVE;
  return { kind: "past", since, limit };
}

function readSince(text: string, now: number): Date | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count !== undefined && (unit === "s" || unit === "m" || unit === "h" || unit === "d"))
    return new Date(Math.max(0, now - Number(count) * UNITS[unit]));
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(Math.max(0, time));
}

function readLimit(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= MAX_LIMIT ? Number(text) : undefined;
}

/** Reads parameters and notes what is wrong with them. */
class QueryReader {
  readonly faults: Fault[] = [];

  constructor(readonly query: Readonly<Record<string, readonly string[]>>) {}

  several(parameter: Parameter, isValid: (text: string) => boolean): readonly string[] {
    const values = this.#given(parameter);
    if (values.length > MAX_VALUES) this.#refuse(parameter, `must not be given more than ${MAX_VALUES} times`);
    else if (!values.every(isValid)) this.#refuse(parameter, STREAM_PARAMETERS[parameter]);
    return values;
  }

  /** @param read undefined when the text is not allowed */
  one<T>(parameter: Parameter, read: (text: string) => T | undefined): T | undefined {
    const [text, ...more] = this.#given(parameter);
    if (text === undefined) return undefined;
    if (more.length > 0) {
      this.#refuse(parameter, "must be given once");
      return undefined;
    }
    const value = read(text);
    if (value === undefined) this.#refuse(parameter, STREAM_PARAMETERS[parameter]);
    return value;
  }

  refuseTogether(parameter: Parameter, other: Parameter): void {
    if (this.#given(parameter).length > 0 && this.#given(other).length > 0)
      this.#refuse(parameter, `must not be given together with ${other}`);
  }

  finish(): void {
    const known = Object.keys(STREAM_PARAMETERS);
    for (const name of Object.keys(this.query)) {
      if (known.includes(name)) continue;
      this.faults.push({ parameter: name, detail: `is not a known parameter; known are ${known.join(", ")}` });
    }
    if (this.faults.length === 0) return;
    const where = this.faults.map((fault) => `${fault.parameter ?? fault.header} ${fault.detail}`).join("; ");
    throw new AppError("malformed-request", where, { faults: this.faults });
  }

  #given(parameter: Parameter): readonly string[] {
    return Object.hasOwn(this.query, parameter) ? (this.query[parameter] ?? []) : [];
  }

  #refuse(parameter: Parameter, detail: string): void {
    this.faults.push({ parameter, detail });
  }
}
