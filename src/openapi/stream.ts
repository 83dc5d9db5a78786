import type { Json } from "./schema.ts";

const inQuery = (name: string, description: string, schema: Json): Json => ({ name, in: "query", description, schema });

/** Any number of values, each as a parameter of its own: `type=Job*&type=AccountCreated`. */
const several = (name: string, description: string, items: Json): Json => ({
  ...inQuery(name, description, { type: "array", maxItems: 50, items: { type: "string", ...items } }),
  style: "form",
  explode: true,
});

/** What a client of the stream may ask for, see `src/stream/request.ts`. */
export const streamParameters: Json[] = [
  {
    name: "Last-Event-ID",
    in: "header",
    description:
      "Resumes behind this event, without gap or repeat. It counts before lastEventId, since, from and limit.",
    schema: { type: "string", maxLength: 10_000 },
  },
  inQuery("lastEventId", "The same, for who cannot send headers. Not together with since, from or limit.", {
    type: "string",
    maxLength: 10_000,
  }),
  several("type", "Event types, any of which is wanted; * stands for any text.", {
    pattern: "^[A-Za-z0-9_.*-]{1,100}$",
  }),
  several("tenant", "Tenants, any of which is wanted.", { format: "uuid" }),
  several("aggregate", "Ids of aggregates, any of which is wanted.", { minLength: 1, maxLength: 200 }),
  several("q", "Texts that must all stand somewhere in the event's JSON; case does not count.", {
    minLength: 1,
    maxLength: 200,
  }),
  inQuery("since", "Begins in the past: how long ago (90s, 10m, 2h, 7d), or a time. Not together with from.", {
    type: "string",
    pattern: "^([0-9]{1,6}[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$",
  }),
  inQuery("from", "earliest: begins with the oldest event that the log keeps.", {
    type: "string",
    enum: ["earliest", "latest"],
    default: "latest",
  }),
  inQuery("limit", "Of the past only the newest so many events that match.", {
    type: "integer",
    minimum: 0,
    maximum: 10_000,
  }),
  inQuery("heartbeat", "Heartbeats as comments, or as events named heartbeat.", {
    type: "string",
    enum: ["comment", "event"],
    default: "comment",
  }),
];

/** What the stream answers. */
export const STREAM_ANSWER =
  "A stream that does not end: what of the past was asked for, then events as they come. Named events: reset (forget what " +
  "you have, the newest 500 follow) and, when asked for, heartbeat. Compressed by gzip for who takes it. When as many " +
  "clients are connected as there may be it ends at once, with the time after which to come back.";
