import type { Ambient } from "../ambient.ts";
import type { Sql } from "../db/pool.ts";
import type { IdempotentRequest } from "../idempotency/write.ts";

/** What the CRM needs from outside. */
export interface CrmDependencies {
  readonly sql: Sql;
  readonly ambient: Ambient;
  /** Milliseconds for which an idempotency key is kept. */
  readonly idempotencyTtlMs: number;
  /** True when PATCH and DELETE have to name the version that they mean. */
  readonly requireIfMatch: boolean;
  /** Told after each COMMIT that appended to the outbox; wakes the relay. */
  committed(): void;
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
