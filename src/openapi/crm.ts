import type { z } from "zod";
import { accountListSchema, accountPatchSchema, newAccountSchema } from "../crm/accounts.ts";
import { contactListSchema, contactPatchSchema, newContactSchema } from "../crm/contacts.ts";
import { historySchema } from "../crm/history.ts";
import { jobBatchSchema, jobListSchema, jobPatchSchema, newJobSchema } from "../crm/jobs.ts";
import { MERGE_PATCH } from "../http/body.ts";
import { problems, ref, SIGNED_IN } from "./components.ts";
import { type Json, parameterSchema, requestSchema, shapeOf, shownProperties } from "./schema.ts";

const ID = "01a209a5-aa75-7408-ac67-84a08891925a";
const TENANT = "12345678-1234-1234-1234-123456789012";

interface Entity {
  /** Such as `Job`; the paths have it in lower case with an s. */
  readonly name: string;
  readonly made: z.ZodObject;
  readonly patch: z.ZodType;
  readonly list: z.ZodType;
  readonly example: Json;
  readonly patchExample: Json;
  /** What may refer to it, so that a deletion may be refused. */
  readonly usedBy?: string;
}

const jobExample = {
  title: "Fix the roof",
  description: "Three tiles are gone.",
  status: "Open",
  accountId: null,
  contactId: null,
  scheduledAt: "2027-03-01T08:00:00.000Z",
  amount: { value: "1250.00", currency: "EUR" },
  tags: ["roof"],
  attributes: { floor: 3 },
};

const ENTITIES: readonly Entity[] = [
  {
    name: "Job",
    made: newJobSchema,
    patch: jobPatchSchema,
    list: jobListSchema,
    example: jobExample,
    patchExample: { status: "Completed", description: null },
  },
  {
    name: "Account",
    made: newAccountSchema,
    patch: accountPatchSchema,
    list: accountListSchema,
    example: {
      name: "Roof Ltd",
      industry: "Roofing",
      phone: "+49 30 1234",
      website: "https://roof.example",
      address: { street: "Ring 1", city: "Köln", postalCode: "50667", region: null, country: "DE" },
    },
    patchExample: { address: { street: "Ring 2" } },
    usedBy: "jobs or contacts",
  },
  {
    name: "Contact",
    made: newContactSchema,
    patch: contactPatchSchema,
    list: contactListSchema,
    example: { name: "Ann", email: "ann@example.com", phone: "+49 30 1234", accountId: null },
    patchExample: { phone: null },
    usedBy: "jobs",
  },
];

const PARAMETERS: Record<string, string> = {
  limit: "Rows on the page.",
  cursor: "`next` of the page before. It belongs to this list: with another filter, sort or search it is refused.",
  sort: "What to sort by; with a minus, descending.",
  q: "Parts of words, all of which have to occur, whatever their case. A page may be short and still have a next one.",
  tag: "Jobs that have this tag.",
  currency: "Currency of the amount.",
  email: "E-mail address, whatever its case.",
};

/** Every path below `/api/crm`. */
export function crmPaths(): Record<string, Json> {
  return Object.assign({}, ...ENTITIES.map(pathsOf), { "/api/crm/jobs:batch": { post: batchOperation() } });
}

/** Schemas of the entities as they are shown. */
export function crmSchemas(): Record<string, Json> {
  const meta = {
    id: { type: "string", format: "uuid" },
    tenantId: { type: "string", format: "uuid" },
    version: { type: "integer", minimum: 1 },
  };
  const time = { type: "string", format: "date-time" };
  return Object.fromEntries(
    ENTITIES.map(({ name, made }) => {
      const properties = { ...meta, ...shownProperties(made), createdAt: time, updatedAt: time };
      return [name, { type: "object", required: Object.keys(properties), properties, additionalProperties: false }];
    }),
  );
}

function pathsOf(entity: Entity): Record<string, Json> {
  const path = `/api/crm/${entity.name.toLowerCase()}s`;
  return {
    [path]: { post: createOperation(entity), get: listOperation(entity) },
    [`${path}/{id}`]: { get: getOperation(entity), patch: changeOperation(entity), delete: deleteOperation(entity) },
    [`${path}/{id}/events`]: { get: historyOperation(entity) },
  };
}

/** What every operation of the CRM has. */
function operation(
  tag: string,
  id: string,
  summary: string,
  parts: { parameters?: Json[]; responses: Record<string, Json>; more?: Json },
): Json {
  return {
    tags: [tag],
    operationId: id,
    summary,
    security: SIGNED_IN,
    parameters: [ref("parameters", "TenantId"), ...(parts.parameters ?? [])],
    ...parts.more,
    responses: { ...parts.responses, ...problems(400, 401, 403, 414, 429, 503) },
  };
}

const requestHeaders = (...names: string[]): Record<string, Json> =>
  Object.fromEntries(
    [...names, "RateLimit", "RateLimit-Policy", "X-Request-Id"].map((name) => [name, ref("headers", name)]),
  );

function shown({ name, example }: Entity): Json {
  const times = { createdAt: "2027-02-01T09:00:00.000Z", updatedAt: "2027-02-01T09:00:00.000Z" };
  return {
    "application/json": {
      schema: ref("schemas", name),
      example: { id: ID, tenantId: TENANT, version: 1, ...example, ...times },
    },
  };
}

function createOperation(entity: Entity): Json {
  const { name } = entity;
  const parameters = { "path.id": "$response.body#/id", "header.X-Tenant-Id": "$response.body#/tenantId" };
  const follow = [`get${name}`, `change${name}`, `delete${name}`, `list${name}Events`];
  const links = Object.fromEntries(follow.map((operationId) => [operationId, { operationId, parameters }]));
  return operation(name, `create${name}`, `Make one; the event is ${name}Created`, {
    parameters: [ref("parameters", "IdempotencyKey")],
    more: {
      requestBody: {
        required: true,
        content: { "application/json": { schema: requestSchema(entity.made), example: entity.example } },
      },
    },
    responses: {
      201: {
        description: "Made.",
        headers: requestHeaders("Location", "ETag", "Idempotent-Replayed"),
        content: shown(entity),
        links,
      },
      ...problems(408, 409, 413, 415, 422),
    },
  });
}

function listOperation(entity: Entity): Json {
  const { name } = entity;
  const parameters = Object.entries(shapeOf(entity.list)).map(([parameter, field]) => queryParameter(parameter, field));
  return operation(name, `list${name}s`, "A page of them", {
    parameters,
    responses: {
      200: { description: "A page.", headers: requestHeaders("Link"), content: pageOf(ref("schemas", name)) },
    },
  });
}

function getOperation(entity: Entity): Json {
  return operation(entity.name, `get${entity.name}`, "One of them", {
    parameters: [ref("parameters", "Id"), ref("parameters", "IfNoneMatch")],
    responses: {
      200: { description: "It.", headers: requestHeaders("ETag"), content: shown(entity) },
      304: { description: "It is still this version.", headers: requestHeaders("ETag") },
      ...problems(404),
    },
  });
}

function changeOperation(entity: Entity): Json {
  const { name } = entity;
  const content = { schema: requestSchema(entity.patch), example: entity.patchExample };
  const events = name === "Job" ? "JobUpdated, with JobStatusChanged when the status is another" : `${name}Updated`;
  return operation(name, `change${name}`, `Change it by a JSON merge patch (RFC 7396); the event is ${events}`, {
    parameters: ["Id", "IfMatch", "IdempotencyKey"].map((parameter) => ref("parameters", parameter)),
    more: { requestBody: { required: true, content: { [MERGE_PATCH]: content, "application/json": content } } },
    responses: {
      200: {
        description: "Changed.",
        headers: requestHeaders("ETag", "Location", "Idempotent-Replayed"),
        content: shown(entity),
      },
      ...problems(404, 408, 409, 412, 413, 415, 422, 428),
    },
  });
}

function deleteOperation({ name, usedBy }: Entity): Json {
  const refused = usedBy === undefined ? "" : `; refused while ${usedBy} refer to it`;
  return operation(name, `delete${name}`, `Delete it${refused}; the event is ${name}Deleted`, {
    parameters: ["Id", "IfMatch", "IdempotencyKey"].map((parameter) => ref("parameters", parameter)),
    responses: {
      204: { description: "Deleted.", headers: requestHeaders("Idempotent-Replayed") },
      ...problems(404, 408, 409, 412, 413, 422, 428),
    },
  });
}

function historyOperation({ name }: Entity): Json {
  const parameters = Object.entries(shapeOf(historySchema)).map(([parameter, field]) =>
    queryParameter(parameter, field),
  );
  return operation(name, `list${name}Events`, "Its history, oldest first, with what became of each event", {
    parameters: [ref("parameters", "Id"), ...parameters],
    responses: {
      200: { description: "A page.", headers: requestHeaders("Link"), content: pageOf(historyEvent) },
      ...problems(404),
    },
  });
}

function batchOperation(): Json {
  const result = {
    type: "object",
    required: ["jobs"],
    properties: { jobs: { type: "array", items: ref("schemas", "Job") } },
  };
  const example = { jobs: [jobExample, { title: "Look at the chimney" }] };
  return operation("Job", "createJobs", "Make up to 500, all or none", {
    parameters: [ref("parameters", "IdempotencyKey")],
    more: {
      requestBody: {
        required: true,
        content: { "application/json": { schema: requestSchema(jobBatchSchema), example } },
      },
    },
    responses: {
      201: {
        description: "Made, in their order.",
        headers: requestHeaders("Idempotent-Replayed"),
        content: { "application/json": { schema: result } },
      },
      ...problems(408, 409, 413, 415, 422),
    },
  });
}

function queryParameter(name: string, field: unknown): Json {
  const schema = name === "limit" ? { type: "integer", minimum: 1, maximum: 200, default: 50 } : parameterSchema(field);
  const [, what, end] = /^(created|updated|scheduled)(From|To)$/.exec(name) ?? [];
  const range = end === "From" ? `The first moment of the range (${what}).` : `The moment after the range (${what}).`;
  const description = PARAMETERS[name] ?? (end === undefined ? `Those whose ${name} is this.` : range);
  return { name, in: "query", description, schema };
}

function pageOf(items: Json): Json {
  const properties = {
    data: { type: "array", items },
    next: { type: ["string", "null"], description: "Cursor of the next page." },
  };
  return {
    "application/json": {
      schema: { type: "object", required: ["data", "next"], properties, additionalProperties: false },
    },
  };
}

const time = { type: ["string", "null"], format: "date-time" };
const delivery = {
  state: { type: "string", enum: ["committed", "published", "waiting", "dead-letter", "discarded"] },
  publishedAt: time,
  partition: { type: ["integer", "null"] },
  offset: { type: ["integer", "null"] },
  tries: { type: "integer", description: "Times that the log refused it." },
};
const event = {
  eventId: { type: "string", format: "uuid" },
  eventType: { type: "string" },
  version: { type: "integer" },
  occurredAt: { type: "string", format: "date-time" },
  data: { type: "object" },
  delivery: { type: "object", required: Object.keys(delivery), properties: delivery, additionalProperties: false },
};
const historyEvent: Json = {
  type: "object",
  required: Object.keys(event),
  properties: event,
  additionalProperties: false,
};
