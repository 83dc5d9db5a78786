import { z } from "zod";
import { AppError } from "../errors.ts";
import type { WriteRow } from "../idempotency/write.ts";
import type { CrmDependencies, EntityFields, ShownEntity, WriteContext } from "./context.ts";
import { body, oneOf, reference, text, time } from "./fields.ts";
import {
  choiceParameter,
  idFilter,
  type ListQuery,
  type ListRow,
  listSchema,
  moment,
  type Page,
  parameter,
  readPage,
  textFilter,
} from "./lists.ts";
import { runWrite, traced, type WriteOutcome, written } from "./write.ts";

/** States of a job. */
export const JOB_STATUSES = ["Open", "Scheduled", "InProgress", "Completed", "Cancelled"] as const;

const AMOUNT_RULE = 'must be a decimal number as text, such as "1250.00": up to 15 digits and 4 decimals, not negative';
const CURRENCY_RULE = "must be a currency code of three capital letters (ISO 4217), such as EUR";

/** An exact decimal, never a float: text here, numeric in the database, the digits as they were sent. */
const amountFields = {
  value: z.string({ error: AMOUNT_RULE }).regex(/^(0|[1-9]\d{0,14})(\.\d{1,4})?$/, AMOUNT_RULE),
  currency: z.string({ error: CURRENCY_RULE }).regex(/^[A-Z]{3}$/, CURRENCY_RULE),
};

const jobFields = {
  title: text(200),
  description: text(5_000).nullable(),
  status: oneOf(JOB_STATUSES),
  accountId: reference("an account"),
  contactId: reference("a contact"),
  scheduledAt: time().nullable(),
  amount: body(amountFields).nullable(),
  tags: z
    .array(text(50), { error: "must be a list of up to 20 texts" })
    .max(20, "must be a list of up to 20 texts")
    .refine((tags) => new Set(tags).size === tags.length, "must not have a tag twice")
    .meta({ uniqueItems: true }),
  attributes: z
    .record(z.string(), z.json(), { error: "must be a JSON object" })
    .describe(
      "At most 32 levels, and 32768 bytes of UTF-8 in the form in which it is kept and shown: PostgreSQL's jsonb, with a blank behind each colon and comma, escapes as their characters and numbers without exponents. What is sent may be shorter or longer.",
    ),
};

/** The body of `POST /api/crm/jobs`. */
export const newJobSchema = body({
  title: jobFields.title,
  description: jobFields.description.default(null),
  status: jobFields.status.default("Open"),
  accountId: jobFields.accountId.default(null),
  contactId: jobFields.contactId.default(null),
  scheduledAt: jobFields.scheduledAt.default(null),
  amount: jobFields.amount.default(null),
  tags: jobFields.tags.default([]),
  attributes: jobFields.attributes.default({}),
});
/** A job to be made. */
export type NewJob = z.output<typeof newJobSchema>;

/** The body of `PATCH /api/crm/jobs/{id}`: a JSON merge patch. */
export const jobPatchSchema = body({ ...jobFields, amount: body(amountFields).partial().nullable() }).partial();
/** A change of a job: fields that it does not have stay, null clears. */
export type JobPatch = z.output<typeof jobPatchSchema>;

/** Jobs that one `POST /api/crm/jobs:batch` makes at most. */
export const BATCH_MAX = 500;
const BATCH_RULE = `must be a list of 1 to ${BATCH_MAX} jobs`;

/** The body of `POST /api/crm/jobs:batch`. */
export const jobBatchSchema = body({
  jobs: z.array(newJobSchema, { error: BATCH_RULE }).min(1, BATCH_RULE).max(BATCH_MAX, BATCH_RULE),
});

/** Parameters of `GET /api/crm/jobs`. */
export const jobListSchema = listSchema("jobs", ["createdAt", "updatedAt", "scheduledAt", "title"], {
  status: choiceParameter(JOB_STATUSES).optional(),
  accountId: idFilter(),
  contactId: idFilter(),
  tag: textFilter(50),
  currency: parameter()
    .regex(/^[A-Z]{3}$/, CURRENCY_RULE)
    .optional(),
  scheduledFrom: moment(),
  scheduledTo: moment(),
});

/** A job as the API shows it. */
export interface Job extends NewJob, EntityFields {}

/** Creates a job, its `JobCreated` event and the stored response in one transaction and one round trip. */
export async function createJob(deps: CrmDependencies, context: WriteContext, input: NewJob): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const { tenantId, idempotency, method, path, requestId, traceparent } = context;
  const creation = {
    tenant: tenantId,
    key: idempotency?.key ?? null,
    fingerprint: idempotency?.fingerprint.toHex() ?? null,
    method,
    path,
    request: requestId,
    traceparent,
    now,
    expires: new Date(now.getTime() + deps.idempotencyTtlMs),
    id: deps.ambient.newId(),
    event: deps.ambient.newId(),
    input,
  };
  return written(deps, context, await traced(deps, context, () => deps.jobCreations.add(creation)));
}

/** Creates jobs, all or none, as `createJob` does one: one transaction, one round trip, one idempotency key. */
export function createJobs(
  deps: CrmDependencies,
  context: WriteContext,
  inputs: readonly NewJob[],
): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const items = inputs.map((input) => ({ id: deps.ambient.newId(), eventId: deps.ambient.newId(), input }));
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`select * from create_jobs(${write}, ${JSON.stringify(items)}::text::json)`,
  );
}

/**
 * Changes a job by a JSON merge patch: `JobUpdated`, and `JobStatusChanged` beside it when the status is another.
 * A change that changes nothing is one too: it has a version and an event of its own.
 */
export function changeJob(
  deps: CrmDependencies,
  context: WriteContext,
  id: string,
  patch: JobPatch,
): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const [eventId, statusEventId] = [deps.ambient.newId(), deps.ambient.newId()];
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`
      select * from change_job(${write}, ${id}::uuid, ${eventId}::uuid, ${statusEventId}::uuid, ${JSON.stringify(patch)}::text::jsonb)`,
  );
}

/** Deletes a job; `JobDeleted` is its last event. */
export function deleteJob(deps: CrmDependencies, context: WriteContext, id: string): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const eventId = deps.ambient.newId();
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`select * from delete_job(${write}, ${id}::uuid, ${eventId}::uuid)`,
  );
}

/**
 * One job of the tenant, in one round trip.
 * @throws {AppError} not-found, also when the job is another tenant's
 */
export async function getJob(deps: CrmDependencies, tenantId: string, id: string): Promise<ShownEntity> {
  const job = await deps.jobReads.add({ tenant: tenantId, id });
  if (job === undefined) throw new AppError("not-found", `There is no job ${id}`);
  return job;
}

/** A page of the tenant's jobs, in one round trip. */
export function listJobs(deps: CrmDependencies, tenantId: string, list: ListQuery): Promise<Page> {
  return readPage(
    deps,
    list,
    (sql, query) => sql<ListRow[]>`select * from list_jobs(${tenantId}::uuid, ${query}::text::jsonb)`,
  );
}
