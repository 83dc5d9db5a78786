import { PROBLEM_JSON, PROBLEMS } from "../http/problem.ts";
import type { Json } from "./schema.ts";

/** A reference to a component of the document. */
export const ref = (kind: "schemas" | "responses" | "headers" | "parameters", name: string): Json => ({
  $ref: `#/components/${kind}/${name}`,
});

const problem: Json = {
  type: "object",
  description: "Problem details by RFC 9457. `errors` has every fault at once.",
  required: ["type", "title", "status", "detail", "instance", "requestId"],
  properties: {
    type: { type: "string", enum: Object.keys(PROBLEMS).map((code) => `urn:aetherlink:problem:${code}`) },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string", description: "Path of the request." },
    requestId: { type: "string", description: "Finds the request in the server's log." },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["detail"],
        properties: {
          pointer: { type: "string", description: "JSON pointer into the body, such as `#/address/city`." },
          header: { type: "string" },
          parameter: { type: "string" },
          detail: { type: "string", description: "What is wrong and what is allowed." },
          kind: { type: "string", description: "Of a 409: which kind of entity refers to this one." },
          count: { type: "integer", description: "How many do; more than 1,000 are not counted." },
          ids: { type: "array", items: { type: "string", format: "uuid" }, description: "The oldest five." },
        },
      },
    },
  },
};

/** Any JSON that is kept as it is sent, in `attributes`. */
const anyJson: Json = {
  anyOf: [
    { type: "string", pattern: "^[^\\u0000]*$" },
    { type: "integer", minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    { type: "number", description: "That a double keeps with all its digits." },
    { type: "boolean" },
    { type: "null" },
    { type: "array", items: { $ref: "#/components/schemas/Json" } },
    {
      type: "object",
      propertyNames: { pattern: "^(?!__proto__$)[^\\u0000]*$" },
      additionalProperties: { $ref: "#/components/schemas/Json" },
    },
  ],
};

/** What every problem of a status means to a caller, with an example of its `errors`. */
const refusals: Record<
  string,
  { description: string; code?: keyof typeof PROBLEMS; errors?: Json[]; headers?: string[] }
> = {
  400: {
    description:
      "A header or parameter is malformed, or the body is not JSON in UTF-8, has a key twice or is nested too deep.",
    code: "malformed-request",
    errors: [{ parameter: "limit", detail: "must be a whole number from 1 to 200" }],
  },
  401: {
    description: "The bearer token is missing or not valid.",
    code: "unauthenticated",
    headers: ["WWW-Authenticate"],
  },
  403: {
    description: "The token does not allow this tenant, or this action.",
    code: "forbidden",
    headers: ["WWW-Authenticate"],
  },
  404: { description: "This tenant has no such entity.", code: "not-found" },
  408: { description: "The body did not arrive in time.", code: "body-too-slow" },
  409: {
    description: "Something refers to the entity, or a request with this Idempotency-Key is under way.",
    code: "in-use",
    errors: [
      {
        parameter: "id",
        detail: "is referred to by 1 job",
        kind: "jobs",
        count: 1,
        ids: ["01a209a5-aa75-7408-ac67-84a08891925a"],
      },
    ],
    headers: ["Retry-After"],
  },
  412: {
    description: "The entity is at another version than If-Match says.",
    code: "precondition-failed",
    errors: [{ header: "If-Match", detail: 'must be "v3"' }],
    headers: ["ETag"],
  },
  413: { description: "The body is too large.", code: "body-too-large" },
  414: { description: "Path and query are too long.", code: "path-too-long" },
  415: {
    description: "The body is not declared as JSON in UTF-8, or is compressed.",
    code: "unsupported-media-type",
    headers: ["Accept", "Accept-Patch", "Accept-Encoding"],
  },
  422: {
    description: "A field is not valid or refers to nothing, or the Idempotency-Key was used for another request.",
    code: "invalid-field",
    errors: [{ pointer: "#/status", detail: "must be one of Open, Scheduled, InProgress, Completed, Cancelled" }],
  },
  428: {
    description: "If-Match is missing, on a server that asks for it.",
    code: "precondition-required",
    errors: [{ header: "If-Match", detail: "is missing: it must be the ETag of a GET, or *" }],
    headers: ["ETag"],
  },
  429: {
    description: "The tenant makes more requests, or sends more bytes, than it may.",
    code: "too-many-requests",
    headers: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  },
  503: {
    description: "The database is away. A write with the same Idempotency-Key is done once at most.",
    code: "unavailable",
    headers: ["Retry-After"],
  },
};

function refusal(status: string): Json {
  const known = refusals[status];
  if (known === undefined) throw new TypeError(`no refusal is described for ${status}`);
  const example = known.code && {
    type: `urn:aetherlink:problem:${known.code}`,
    title: PROBLEMS[known.code][1],
    status: Number(status),
    detail: known.description,
    instance: "/api/crm/jobs",
    requestId: "01a209a5-ab17-7609-9c21-2e17ce911a2d",
    ...(known.errors === undefined ? {} : { errors: known.errors }),
  };
  const headers = ["X-Request-Id", ...(known.headers ?? [])];
  return {
    description: known.description,
    headers: Object.fromEntries(headers.map((name) => [name, ref("headers", name)])),
    content: { [PROBLEM_JSON]: { schema: ref("schemas", "Problem"), ...(example && { example }) } },
  };
}

const text = (description: string, example: string): Json => ({ description, schema: { type: "string" }, example });

/** Everything that several operations share. */
export const components = {
  schemas: { Problem: problem, Json: anyJson },
  responses: Object.fromEntries(Object.keys(refusals).map((status) => [status, refusal(status)])),
  headers: {
    Accept: text("Media types that are taken.", "application/merge-patch+json, application/json"),
    "Accept-Patch": text("The same, where it is a PATCH.", "application/merge-patch+json, application/json"),
    "Accept-Encoding": text("How the body may be encoded: not at all.", "identity"),
    ETag: text("The entity's version.", '"v3"'),
    Location: text("Where the entity is.", "/api/crm/jobs/01a209a5-aa75-7408-ac67-84a08891925a"),
    Link: text(
      "The next page, with every other parameter kept; missing on the last.",
      '</api/crm/jobs?limit=50&cursor=…>; rel="next"',
    ),
    "Idempotent-Replayed": {
      description: "There when this is the answer of an earlier request.",
      schema: { const: "true" },
    },
    "Retry-After": { description: "Seconds after which to try again.", schema: { type: "integer" }, example: 1 },
    RateLimit: text(
      "What the tenant has left, where it is limited: requests, bytes of bodies, or both.",
      '"tenant";r=49;t=1, "tenant-bytes";r=2096128;t=1',
    ),
    "RateLimit-Policy": text(
      "What it is held to.",
      '"tenant";q=100;w=2, "tenant-bytes";q=2097152;w=2;qu="content-bytes"',
    ),
    "WWW-Authenticate": text("What is wrong with the token, by RFC 6750.", 'Bearer error="invalid_token"'),
    "X-Request-Id": text("The caller's, where it was harmless, else ours.", "01a209a5-ab17-7609-9c21-2e17ce911a2d"),
  },
  parameters: {
    TenantId: {
      name: "X-Tenant-Id",
      in: "header",
      required: true,
      description: "The tenant whose data it is about.",
      schema: { type: "string", format: "uuid" },
      example: "12345678-1234-1234-1234-123456789012",
    },
    IdempotencyKey: {
      name: "Idempotency-Key",
      in: "header",
      description: "Makes the request safe to send again: it is done once, and answered the same each time, for a day.",
      schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$" },
      example: "import-2027-03-01/17",
    },
    IfMatch: {
      name: "If-Match",
      in: "header",
      description: "Do it only to this version; `*` is any.",
      schema: { type: "string", pattern: '^(\\*|"v[1-9][0-9]{0,8}")$' },
      example: '"v1"',
    },
    IfNoneMatch: {
      name: "If-None-Match",
      in: "header",
      description: "Answer 304 when this is still the version.",
      schema: { type: "string", pattern: '^"v[1-9][0-9]{0,8}"$' },
      example: '"v1"',
    },
    Id: {
      name: "id",
      in: "path",
      required: true,
      schema: { type: "string", format: "uuid" },
      example: "01a209a5-aa75-7408-ac67-84a08891925a",
    },
  },
  securitySchemes: {
    bearer: {
      type: "http",
      scheme: "bearer",
      bearerFormat: "JWT",
      description: "A token of the configured issuer.",
    },
    autoheal: { type: "http", scheme: "bearer", description: "AUTOHEAL_TOKEN, which Alertmanager sends." },
    session: {
      type: "apiKey",
      in: "cookie",
      name: "__Host-aetherlink",
      description: "What a login by `/auth/login` leaves in the browser; over http its name is without `__Host-`.",
    },
  },
};

/** What an operation asks for that not everybody may do. */
export const SIGNED_IN: readonly Json[] = [{ bearer: [] }];

/** References to the problems of these statuses. */
export function problems(...statuses: number[]): Record<string, Json> {
  return Object.fromEntries(statuses.map((status) => [String(status), ref("responses", String(status))]));
}
