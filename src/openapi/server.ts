import { problems, SIGNED_IN } from "./components.ts";
import type { Json } from "./schema.ts";
import { STREAM_ANSWER, streamParameters } from "./stream.ts";

const json = (description: string, properties: Json = {}): Json => ({
  description,
  content: { "application/json": { schema: { type: "object", required: Object.keys(properties), properties } } },
});
const words = (description: string, type: string): Json => ({
  description,
  content: { [type]: { schema: { type: "string" } } },
});
const query = (name: string, description: string, schema: Json = { type: "string" }): Json => ({
  name,
  in: "query",
  description,
  schema,
});
const operation = (
  tag: string,
  operationId: string,
  summary: string,
  responses: Json,
  parameters: Json[] = [],
): Json => ({
  tags: [tag],
  operationId,
  summary,
  parameters,
  responses,
});

/** What only a caller with the right role may do. */
const restricted = (operation: Json): Json => ({
  ...operation,
  security: SIGNED_IN,
  responses: { ...(operation.responses as Json), ...problems(401, 403) },
});

const limit = query("limit", "Rows on the page.", { type: "integer", minimum: 1, maximum: 200, default: 50 });
const list = { type: "array", items: { type: "object" } };
const decision = (verb: "requeue" | "discard", summary: string): Json => ({
  ...restricted(
    operation("Operations", `${verb}DeadLetter`, summary, {
      200: json("Done, as it stands in the audit.", { action: { const: verb }, eventId: { type: "string" } }),
      ...problems(400, 404, 408, 413, 415, 422, 503),
    }),
  ),
  parameters: [{ name: "eventId", in: "path", required: true, schema: { type: "string", format: "uuid" } }],
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: {
          type: "object",
          properties: { reason: { type: "string", maxLength: 500, pattern: "^[^\\u0000]*$" } },
          additionalProperties: false,
        },
        example: { reason: "the broker takes larger messages now" },
      },
    },
  },
});

/** Every path that is not the CRM's. */
export function serverPaths(): Record<string, Json> {
  const health = { status: { type: "string" } };
  return {
    "/": {
      get: operation("Server", "getHealth", "Health; a browser is sent to the page", {
        200: json("How every part is.", health),
        302: { description: "To the page.", headers: { Location: { schema: { type: "string" } } } },
      }),
    },
    "/healthz/live": {
      get: operation("Server", "getLiveness", "Whether the process is alive", { 200: json("It is.", health) }),
    },
    "/healthz/ready": {
      get: operation("Server", "getReadiness", "Whether it can serve", {
        200: json("It can.", health),
        503: json("It cannot: a part is not ready.", health),
      }),
    },
    "/metrics": {
      get: operation("Server", "getMetrics", "Metrics for Prometheus", {
        200: words("Text exposition format.", "text/plain"),
      }),
    },
    "/openapi.json": {
      get: operation("Server", "getOpenApi", "This document", {
        200: json("OpenAPI 3.1.", { openapi: { type: "string" } }),
      }),
    },
    "/docs": { get: operation("Server", "getDocs", "This document for people", { 200: words("HTML.", "text/html") }) },
    "/docs/docs.css": {
      get: operation("Server", "getDocsStyle", "The style of that page", { 200: words("CSS.", "text/css") }),
    },
    "/crm-events": {
      get: restricted(
        operation(
          "Events",
          "streamEvents",
          "Every event as a Server-Sent Event",
          {
            200: words(STREAM_ANSWER, "text/event-stream"),
            ...problems(400),
          },
          streamParameters,
        ),
      ),
    },
    "/ops/crm-events": {
      get: restricted(operation("Events", "getPage", "The page", { 200: words("HTML.", "text/html") })),
    },
    "/api/ops/outbox": {
      get: restricted(
        operation("Operations", "getOutbox", "How the outbox does", {
          200: json("Numbers.", { backlog: { type: "integer" }, deadLetters: { type: "integer" } }),
          ...problems(503),
        }),
      ),
    },
    "/api/ops/outbox/dead-letters": {
      get: restricted(
        operation(
          "Operations",
          "listDeadLetters",
          "Events that the log refused five times",
          {
            200: json("A page, oldest first.", { data: list, next: { type: ["string", "null"] } }),
            ...problems(400, 503),
          },
          [limit, query("after", "`next` of the page before.", { type: "string", pattern: "^[0-9]{1,18}$" })],
        ),
      ),
    },
    "/api/ops/outbox/audit": {
      get: restricted(
        operation(
          "Operations",
          "listOutboxAudit",
          "Who requeued or discarded what",
          { 200: json("Newest first.", { data: list }), ...problems(400, 503) },
          [limit],
        ),
      ),
    },
    "/api/ops/outbox/dead-letters/{eventId}/requeue": { post: decision("requeue", "Try a dead letter anew") },
    "/api/ops/outbox/dead-letters/{eventId}/discard": { post: decision("discard", "Never publish a dead letter") },
  };
}

/** The login of browsers, where one is configured. */
export function loginPaths(): Record<string, Json> {
  const away = {
    302: {
      description: "To the issuer, or back to where one came from.",
      headers: { Location: { schema: { type: "string" } } },
    },
    ...problems(503),
  };
  const page = words("HTML.", "text/html");
  const text = (name: string, description: string) => query(name, description, { type: "string", maxLength: 2_000 });
  return {
    "/auth/login": {
      get: operation("Login", "login", "Sign in at the issuer", away, [
        text("return_to", "Path to come back to; another site's is ignored."),
      ]),
    },
    "/auth/callback": {
      get: operation(
        "Login",
        "finishLogin",
        "Where the issuer sends the browser back to",
        { ...away, ...problems(400, 401, 403) },
        [text("state", "Of the login that this browser began."), text("code", "What the issuer gives for a token.")],
      ),
    },
    "/auth/logout": {
      post: {
        ...operation("Login", "logout", "Sign out, here and at the issuer", {
          200: { ...page, headers: { Refresh: { schema: { type: "string" } } } },
          ...problems(403),
        }),
        security: [{ session: [] }],
      },
    },
    "/auth/signed-out": { get: operation("Login", "signedOut", "Says that one is signed out", { 200: page }) },
  };
}
