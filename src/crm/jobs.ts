import { z } from "zod";
import type { Transaction } from "../db/pool.ts";
import { withTenant } from "../db/tenant.ts";
import { AppError } from "../errors.ts";
import { readWrite, type StoredResponse, type WriteRow } from "../idempotency/write.ts";
import { encodeEvent } from "../outbox/event.ts";
import type { CrmDependencies, WriteContext } from "./context.ts";
import { body, oneOf, text } from "./fields.ts";

/** States of a job. */
export const JOB_STATUSES = ["Open", "Scheduled", "InProgress", "Completed", "Cancelled"] as const;

/** The body of `POST /api/crm/jobs`. */
export const newJobSchema = body({
  title: text(200),
  status: oneOf(JOB_STATUSES).default("Open"),
});
/** A job to be made. */
export type NewJob = z.output<typeof newJobSchema>;

/** Parameters of `GET /api/crm/jobs`. */
export const jobListSchema = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, "must be a whole number from 1 to 200")
    .transform(Number)
    .refine((n) => n >= 1 && n <= 200, "must be a whole number from 1 to 200")
    .default(50),
  cursor: z.guid("must be the cursor of an earlier page").optional(),
});

/** A job as the API shows it. */
export interface Job {
  readonly id: string;
  readonly tenantId: string;
  readonly version: number;
  readonly title: string;
  readonly status: (typeof JOB_STATUSES)[number];
  /** RFC 3339, UTC, milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface JobRow {
  id: string;
  tenant_id: string;
  version: number;
  title: string;
  status: Job["status"];
  created_at: Date;
  updated_at: Date;
}

/**
 * Creates a job, its `JobCreated` event and the stored response in one transaction and one round trip.
 * @returns the response to send, and whether it is a replay of an earlier one
 * @throws {AppError} idempotency-key-busy, idempotency-key-reused
 */
export async function createJob(
  deps: CrmDependencies,
  context: WriteContext,
  input: NewJob,
): Promise<{ response: StoredResponse; replayed: boolean }> {
  const now = deps.ambient.now();
  const occurredAt = now.toISOString();
  const { tenantId } = context;
  const job: Job = {
    id: deps.ambient.newId(),
    tenantId,
    version: 1,
    ...input,
    createdAt: occurredAt,
    updatedAt: occurredAt,
  };
  const event = encodeEvent({
    eventId: deps.ambient.newId(),
    eventType: "JobCreated",
    tenantId,
    aggregateType: "Job",
    aggregateId: job.id,
    version: job.version,
    occurredAt,
    data: { title: job.title, status: job.status },
  });
  // JSON goes through ::text, else the driver would encode the string as JSON a second time.
  const [row] = await deps.sql<WriteRow[]>`
    select * from create_job(
      p_tenant => ${tenantId}::uuid,
      p_key => ${context.idempotency?.key ?? null}::text,
      p_fingerprint => ${context.idempotency?.fingerprint ?? null}::bytea,
      p_method => ${context.method}::text,
      p_path => ${context.path}::text,
      p_expires_at => ${new Date(now.getTime() + deps.idempotencyTtlMs)}::timestamptz,
      p_now => ${now}::timestamptz,
      p_id => ${job.id}::uuid,
      p_title => ${job.title}::text,
      p_status => ${job.status}::text,
      p_event => ${event}::text::json,
      p_traceparent => ${context.traceparent}::text,
      p_response_headers => ${JSON.stringify(responseHeaders(job))}::text::json,
      p_response_body => ${JSON.stringify(job)}::text
    )`;
  const result = readWrite(row);
  if (!result.replayed) deps.committed();
  return result;
}

/**
 * One job of the tenant.
 * @throws {AppError} not-found, also when the job is another tenant's
 */
export async function getJob(deps: CrmDependencies, tenantId: string, id: string): Promise<Job> {
  const job = await withTenant(deps.sql, tenantId, (tx) => selectJob(tx, tenantId, id));
  if (job === undefined) throw new AppError("not-found", `There is no job ${id}`);
  return job;
}

/**
 * The tenant's jobs, newest first.
 * @param cursor `next` of the page before, or undefined for the first
 * @returns the page, and the cursor of the next one or null at the end
 */
export async function listJobs(
  deps: CrmDependencies,
  tenantId: string,
  page: { limit: number; cursor?: string | undefined },
): Promise<{ data: Job[]; next: string | null }> {
  const found = await withTenant(deps.sql, tenantId, (tx) => selectJobs(tx, tenantId, page.limit + 1, page.cursor));
  const data = found.slice(0, page.limit);
  return { data, next: found.length > page.limit ? (data.at(-1)?.id ?? null) : null };
}

/** Headers that a job is shown with. */
export function responseHeaders(job: Job): Record<string, string> {
  return { "Content-Type": "application/json", ETag: `"v${job.version}"`, Location: `/api/crm/jobs/${job.id}` };
}

async function selectJob(tx: Transaction, tenantId: string, id: string): Promise<Job | undefined> {
  const [row] = await tx<JobRow[]>`select * from jobs where tenant_id = ${tenantId} and id = ${id}`;
  return row && toJob(row);
}

/** Ids are UUIDs of version 7, so their order is that of creation and the primary key serves every page alike. */
async function selectJobs(
  tx: Transaction,
  tenantId: string,
  limit: number,
  before: string | undefined,
): Promise<Job[]> {
  const rows = await tx<JobRow[]>`
    select * from jobs
    where tenant_id = ${tenantId} and id < ${before ?? "ffffffff-ffff-ffff-ffff-ffffffffffff"}
    order by id desc limit ${limit}`;
  return rows.map(toJob);
}

function toJob(row: JobRow): Job {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    version: row.version,
    title: row.title,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}
