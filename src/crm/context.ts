import type { Ambient } from "../ambient.ts";
import { Coalescer } from "../db/coalescer.ts";
import { isUndone, type Sql } from "../db/pool.ts";
import type { IdempotentRequest, WriteRow } from "../idempotency/write.ts";
import { type JobCreation, type JobRead, runCreations, runReads } from "./together.ts";
import type { TraceWrite } from "./traced.ts";

/** Calls under way from which on what is asked waits for each other, and how much goes into one; measured by bench/questions/writes.ts. */
const UNDER_WAY = 2;
const TOGETHER_MAX = 32;

/** What the CRM needs from outside. */
export interface CrmOptions {
  readonly sql: Sql;
  readonly ambient: Ambient;
  /** Milliseconds for which an idempotency key is kept. */
  readonly idempotencyTtlMs: number;
  /** True when PATCH and DELETE have to name the version that they mean. */
  readonly requireIfMatch: boolean;
  /** Told after each COMMIT that appended to the outbox; wakes the relay. */
  committed(): void;
  /** Told what became of each write that had an idempotency key. */
  readonly keyed?: ((outcome: WriteRow["outcome"]) => void) | undefined;
  readonly traced?: TraceWrite | undefined;
}

/** What the CRM's verbs work with. */
export interface CrmDependencies extends CrmOptions {
  /** Jobs to be made, which share transactions while the server is busy. */
  readonly jobCreations: Coalescer<JobCreation, WriteRow>;
  /** Jobs to be read by id, which share round trips. */
  readonly jobReads: Coalescer<JobRead, ShownEntity | undefined>;
}

/** Makes what the CRM's verbs work with. */
export function openCrm(options: CrmOptions): CrmDependencies {
  const { sql } = options;
  const shared = { isUndone, underWay: UNDER_WAY, items: TOGETHER_MAX };
  return {
    ...options,
    jobCreations: new Coalescer({ ...shared, run: (items) => runCreations(sql, items) }),
    jobReads: new Coalescer({ ...shared, run: (items) => runReads(sql, items) }),
  };
}

/** One write as its caller made it. */
export interface WriteContext {
  readonly tenantId: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly ifMatch: IfMatch;
  readonly idempotency: IdempotentRequest | undefined;
}

/** Versions that the caller's If-Match allows: `any` for `*`, undefined when there was no such header. */
export type IfMatch = readonly number[] | "any" | undefined;

/** An entity as it is sent: its version and its JSON. */
export interface ShownEntity {
  readonly version: number;
  readonly body: string;
}

/** What every entity is shown with beside its own fields. */
export interface EntityFields {
  readonly id: string;
  readonly tenantId: string;
  readonly version: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
}
