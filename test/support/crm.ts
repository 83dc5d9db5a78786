import { realAmbient } from "../../src/ambient.ts";
import { type IfMatch, openCrm, type WriteContext } from "../../src/crm/context.ts";
import type { WriteOutcome } from "../../src/crm/write.ts";
import type { Sql } from "../../src/db/pool.ts";
import { withTenant } from "../../src/db/tenant.ts";

/** What the CRM needs, on a test's database. `committed` counts wake-ups of the relay. */
export function crmDependencies(sql: Sql, options: { requireIfMatch?: boolean } = {}) {
  const counter = { commits: 0 };
  const deps = openCrm({
    sql,
    ambient: realAmbient,
    idempotencyTtlMs: 86_400_000,
    requireIfMatch: options.requireIfMatch ?? false,
    committed: () => counter.commits++,
  });
  return { deps, counter };
}

/** A write as a caller makes it; what makes two requests the same is `body`. */
export function writeContext(
  tenantId: string,
  options: { key?: string | undefined; body?: string; ifMatch?: IfMatch } = {},
): WriteContext {
  const fingerprint = new Bun.CryptoHasher("sha256").update(options.body ?? "body").digest();
  return {
    tenantId,
    method: "POST",
    path: "/api/crm/test",
    requestId: "request-1",
    traceparent: "00-test",
    ifMatch: options.ifMatch,
    idempotency: options.key === undefined ? undefined : { key: options.key, fingerprint },
  };
}

/** The body of a write's response as JSON, with its status. */
export function answer<T = Record<string, unknown>>(outcome: WriteOutcome): { status: number; body: T } {
  const { status, body } = outcome.response;
  return { status, body: (body === "" ? undefined : JSON.parse(body)) as T };
}

/** The tenant's events in the outbox, in commit order. */
export async function eventsOf(sql: Sql, tenantId: string) {
  const rows = await withTenant(
    sql,
    tenantId,
    (tx) => tx<{ type: string; payload: { version: number; data: unknown } }[]>`
      select type, payload from outbox_events order by id`,
  );
  return [...rows];
}
