/** What a kind of change looks like: each has a colour, a sign and its name, so that colour never speaks alone. */
export const TONES = ["created", "updated", "deleted", "status", "other"] as const;
export type Tone = (typeof TONES)[number];

/** One event as the page shows it. Every field is safe to show, whatever the producer wrote. */
export interface EventView {
  /** Unique on the page: `<partition>:<offset>`. */
  readonly key: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When it was published: milliseconds since 1970, from the log; undefined when there is none that a date can hold. */
  readonly time: number | undefined;
  /** When the server wrote the change, by its own clock; undefined when the event does not say. */
  readonly committedAt: number | undefined;
  /** When the server read it from the log; undefined for what was there before the server, or was read again. */
  readonly receivedAt: number | undefined;
  /** When it was drawn here, by the reader's clock; undefined for what was in the page already. */
  readonly shownAt: number | undefined;
  /** Such as `JobCreated`. */
  readonly type: string;
  readonly tone: Tone;
  /** What the event is about: a title or a name. */
  readonly subject: string;
  /** The entity's status after the change; empty when it has none. */
  readonly status: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  /** True for a row that came while the page was open; it flashes once. */
  readonly fresh: boolean;
  /** The frame itself, for the formatted JSON. */
  readonly frame: object;
}

/** A title may have 200 characters; what foreign producers write as text may be a megabyte. */
const MAX_TEXT = 240;
/** Milliseconds either side of 1970 that a Date can hold: ECMA-262, 21.4.1.1. */
const MAX_TIME = 8.64e15;

/**
 * Reads the JSON of one SSE frame.
 * @returns undefined when the text is not a frame with a partition and an offset
 */
export function parseFrame(json: string): EventView | undefined {
  try {
    return viewFrame(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** Reads one frame; `value` may be an event of ours or whatever a foreign producer wrote, null included. */
export function viewFrame(frame: unknown): EventView | undefined {
  if (typeof frame !== "object" || frame === null) return undefined;
  const { topic, partition, offset, timestamp, receivedAt, key, value } = fields(frame);
  if (typeof partition !== "number" || typeof offset !== "number") return undefined;
  const event = fields(value);
  const data = fields(event.data);
  const type = text(event.eventType);
  return {
    key: `${partition}:${offset}`,
    topic: text(topic),
    partition,
    offset,
    time: timeOf(timestamp),
    committedAt: timeOf(Date.parse(text(event.occurredAt))),
    receivedAt: timeOf(receivedAt),
    shownAt: undefined,
    type: type || (value === null ? "Tombstone" : "Record"),
    tone: toneOf(type),
    subject: subjectOf(value, data) || text(event.aggregateType),
    status: text(data.status),
    tenantId: text(event.tenantId),
    aggregateId: text(event.aggregateId) || text(key),
    fresh: false,
    frame,
  };
}

/** An id in few characters, from the end that tells ids apart: UUIDs of version 7 made in one minute begin alike. */
export function shortId(id: string): string {
  if (/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-/i.test(id)) return `…${id.slice(-8)}`;
  return id.length > 12 ? `${id.slice(0, 8)}…` : id;
}

/** What kind of change an event type names. */
export function toneOf(type: string): Tone {
  if (type.endsWith("StatusChanged")) return "status";
  const tone = /(Created|Updated|Deleted)$/.exec(type)?.[1]?.toLowerCase();
  return tone === "created" || tone === "updated" || tone === "deleted" ? tone : "other";
}

function subjectOf(value: unknown, data: Record<string, unknown>): string {
  if (typeof value === "string") return text(value);
  if (value === null) return "no value";
  return text(data.title) || text(data.name) || [text(data.firstName), text(data.lastName)].join(" ").trim();
}

function timeOf(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= MAX_TIME ? value : undefined;
}

/** The fields of what may be an object. */
export function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function text(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
}
