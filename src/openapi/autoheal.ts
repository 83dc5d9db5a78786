import { ackSchema } from "../autoheal/acks.ts";
import { RESULTS } from "../autoheal/decide.ts";
import { problems, ref, SIGNED_IN } from "./components.ts";
import { type Json, requestSchema } from "./schema.ts";

const time = { type: "string", format: "date-time" };
const text = { type: "string" };
const whole = { type: "integer", minimum: 0 };
const orNull = (schema: Json): Json => ({ ...schema, type: [schema.type, "null"] });
const object = (properties: Record<string, Json>): Json => ({
  type: "object",
  required: Object.keys(properties),
  properties,
});
const list = (items: Json): Json => ({ type: "array", items });

const entry = object({
  id: { type: "string", pattern: "^[0-9]+$" },
  at: time,
  decisionId: { type: "string", format: "uuid" },
  phase: {
    type: "string",
    enum: ["decided", "started", "finished", "replica"],
    description:
      "started stands before an action and finished after it; decided: nothing is done; replica: another server's own part.",
  },
  replica: text,
  actor: { type: "string", description: "alertmanager, probe, or who acknowledged." },
  cause: text,
  action: orNull(text),
  target: text,
  result: { type: "string", enum: ["execute", ...RESULTS] },
  reason: text,
  input: { type: "object", description: "What it was decided on." },
  detail: orNull({ type: "string", description: "What came of it." }),
  durationMs: orNull({ type: "number" }),
});
const entryExample = {
  id: "42",
  at: "2026-11-23T07:00:02.113Z",
  decisionId: "01a209a5-ab17-7609-9c21-2e17ce911a2d",
  phase: "finished",
  replica: "crm-1:9010",
  actor: "alertmanager",
  cause: "alert OutboxBacklogOld",
  action: "restart-relay",
  target: "",
  result: "executed",
  reason: "a rule asks for it, and no limit stands against it",
  input: { kind: "alert", name: "OutboxBacklogOld", fingerprint: "4c8a2f0b9d1e7a35" },
  detail: "the relay began anew; afterwards relay is up",
  durationMs: 2013.7,
};

const status = object({
  replica: { type: "string", description: "The server that answered." },
  state: { type: "string", enum: ["leading", "standby", "stopped"] },
  health: { type: "string", enum: ["healthy", "stale", "never"], description: "stale: no heartbeat for a minute." },
  leader: orNull({ type: "object", description: "Who leads, its last heartbeat and what its probes found." }),
  rules: { type: "object", description: "Where the rules in force come from, and what is wrong with the file now." },
  actions: list({ type: "object" }),
  preview: list({ type: "object", description: "What each rule would do if its trigger came now." }),
  acks: list({ type: "object" }),
  errorBudget: object({
    objective: { type: "number" },
    windowDays: whole,
    observedMinutes: whole,
    missedMinutes: whole,
    allowedMinutes: { type: "number" },
    remaining: { type: "number", description: "1: all of it is left; below 0: overdrawn." },
  }),
});

const json = (description: string, schema: Json, example?: unknown, headers?: Json): Json => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: { "application/json": { schema, ...(example === undefined ? {} : { example }) } },
});
const query = (name: string, description: string, schema: Json): Json => ({ name, in: "query", description, schema });

const alerts: Json = {
  type: "object",
  required: ["version", "status", "alerts"],
  properties: {
    version: { const: "4" },
    status: { type: "string", enum: ["firing", "resolved"] },
    alerts: {
      type: "array",
      maxItems: 1_000,
      items: {
        type: "object",
        required: ["status", "labels", "startsAt", "fingerprint"],
        properties: {
          status: { type: "string", enum: ["firing", "resolved"] },
          labels: {
            type: "object",
            required: ["alertname"],
            properties: {
              alertname: { type: "string", minLength: 1, maxLength: 200, pattern: "^[^\\u0000\\n\\r\\u2028\\u2029]*$" },
            },
            propertyNames: { pattern: "^[a-zA-Z_][a-zA-Z0-9_]{0,199}$" },
            maxProperties: 64,
            additionalProperties: { type: "string", maxLength: 1_024, pattern: "^[^\\u0000]*$" },
          },
          annotations: {
            type: "object",
            propertyNames: { maxLength: 200, pattern: "^(?!__proto__$)[^\\u0000]*$" },
            additionalProperties: { type: "string", maxLength: 4_096, pattern: "^[^\\u0000]*$" },
          },
          startsAt: { type: "string", format: "date-time", pattern: "^(19[7-9][0-9]|2[0-9]{3})-" },
          fingerprint: { type: "string", pattern: "^[0-9a-f]{16}$" },
        },
      },
    },
  },
};
const alertsExample = {
  version: "4",
  status: "firing",
  alerts: [
    {
      status: "firing",
      labels: { alertname: "OutboxBacklogOld", job: "aetherlink", severity: "critical" },
      annotations: { summary: "Events wait for over a minute." },
      startsAt: "2026-11-23T06:59:00.000Z",
      fingerprint: "4c8a2f0b9d1e7a35",
    },
  ],
};

const tags = ["Autoheal"];

/** Every path below `/autoheal`, and its page. */
export function autohealPaths(): Record<string, Json> {
  return {
    "/autoheal/alert": { post: alertOperation() },
    "/autoheal/status": {
      get: {
        tags,
        operationId: "getAutoheal",
        summary: "How autoheal stands, and what it would do now",
        security: SIGNED_IN,
        parameters: [],
        responses: { 200: json("From any replica.", status), ...problems(400, 401, 403, 503) },
      },
    },
    "/autoheal/audit": { get: auditOperation() },
    "/autoheal/events": {
      get: {
        tags,
        operationId: "streamAutoheal",
        summary: "The audit as it is written, as Server-Sent Events named decision",
        security: SIGNED_IN,
        parameters: [
          { name: "Last-Event-ID", in: "header", description: "Begins behind this entry.", schema: text },
          query("lastEventId", "The same, for who cannot send headers.", { type: "string", pattern: "^[0-9]{1,18}$" }),
        ],
        responses: {
          200: { description: "A stream that does not end.", content: { "text/event-stream": { schema: text } } },
          ...problems(400, 401, 403, 503),
        },
      },
    },
    "/autoheal/ack": { post: ackOperation() },
    "/ops/autoheal": {
      get: {
        tags,
        operationId: "getAutohealPage",
        summary: "The page of autoheal",
        security: SIGNED_IN,
        parameters: [],
        responses: {
          200: { description: "HTML.", content: { "text/html": { schema: text } } },
          ...problems(401, 403),
        },
      },
    },
  };
}

function alertOperation(): Json {
  const receipt = object({ accepted: whole, duplicates: whole, ignored: whole });
  return {
    tags,
    operationId: "receiveAlerts",
    summary: "Alertmanager's webhook, version 4",
    description:
      "Its bearer token is AUTOHEAL_TOKEN. Alerts that fire are stored, and decided on by whichever replica leads.",
    security: [{ autoheal: [] }],
    parameters: [],
    requestBody: { required: true, content: { "application/json": { schema: alerts, example: alertsExample } } },
    responses: {
      202: json("Stored.", receipt, { accepted: 1, duplicates: 0, ignored: 0 }),
      ...problems(400, 401, 408, 413, 415, 422, 503),
    },
  };
}

function auditOperation(): Json {
  return {
    tags,
    operationId: "listAutohealAudit",
    summary: "Every decision, newest first",
    security: SIGNED_IN,
    parameters: [
      query("limit", "Rows on the page.", { type: "integer", minimum: 1, maximum: 200, default: 50 }),
      query("cursor", "`next` of the page before. It belongs to these filters.", { type: "string", maxLength: 500 }),
      query("action", "Those about this action.", { type: "string", pattern: "^[a-z][a-z0-9-]{0,39}$" }),
      query("result", "Those with this result.", { type: "string", enum: ["execute", ...RESULTS] }),
      query("decision", "Those of this decision.", { type: "string", format: "uuid" }),
    ],
    responses: {
      200: json(
        "A page.",
        object({ data: list(entry), next: { type: ["string", "null"], description: "Cursor of the next page." } }),
        { data: [entryExample], next: null },
        { Link: ref("headers", "Link") },
      ),
      ...problems(400, 401, 403, 503),
    },
  };
}

function ackOperation(): Json {
  const example = { cause: "alert OutboxBacklogOld", note: "the broker is being moved", minutes: 60 };
  const made = {
    id: "01a209a5-ab17-7609-9c21-2e17ce911a2d",
    cause: example.cause,
    fingerprint: null,
    note: example.note,
    actor: "anna",
    expiresAt: "2026-11-23T08:00:00.000Z",
  };
  return {
    tags,
    operationId: "acknowledge",
    summary: "Until it expires, nothing is done about this cause",
    security: SIGNED_IN,
    parameters: [],
    requestBody: { required: true, content: { "application/json": { schema: requestSchema(ackSchema), example } } },
    responses: {
      201: json(
        "Acknowledged, and written to the audit.",
        object({
          id: { type: "string", format: "uuid" },
          cause: text,
          fingerprint: orNull(text),
          note: text,
          actor: text,
          expiresAt: time,
        }),
        made,
      ),
      ...problems(400, 401, 403, 408, 413, 415, 422, 503),
    },
  };
}
