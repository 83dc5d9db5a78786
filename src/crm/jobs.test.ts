import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { realAmbient } from "../ambient.ts";
import { withTenant } from "../db/tenant.ts";
import { AppError } from "../errors.ts";
import type { CrmDependencies, WriteContext } from "./context.ts";
import { createJob, getJob, type Job, listJobs } from "./jobs.ts";

let db: TestDatabase;
let deps: CrmDependencies;
let commits = 0;
beforeAll(async () => {
  db = await testDatabase();
  deps = { sql: db.sql, ambient: realAmbient, idempotencyTtlMs: 86_400_000, committed: () => commits++ };
});
afterAll(() => db.drop());

/** A tenant of its own for each test. */
const newTenant = () => crypto.randomUUID();

function context(tenantId: string, key?: string, body = "body"): WriteContext {
  const fingerprint = new Bun.CryptoHasher("sha256").update(body).digest();
  const idempotency = key === undefined ? undefined : { key, fingerprint };
  return { tenantId, method: "POST", path: "/api/crm/jobs", traceparent: "00-test", idempotency };
}

const create = (tenantId: string, title: string, key?: string) =>
  createJob(deps, context(tenantId, key, title), { title, status: "Open" });

const rows = (tenantId: string) =>
  withTenant(db.sql, tenantId, async (tx) => ({
    jobs: await tx`select title from jobs`,
    events: await tx`select type, aggregate_id, payload from outbox_events`,
    keys: await tx`select key from idempotency_keys`,
  }));

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : error);

describe("creating a job", () => {
  test("stores the job and its event together, and tells that there is something to publish", async () => {
    const tenant = newTenant();
    const before = commits;
    const { response, replayed } = await create(tenant, "Fix the roof");
    const job = JSON.parse(response.body) as Job;
    expect(replayed).toBe(false);
    expect(response.status).toBe(201);
    expect(commits).toBe(before + 1);
    expect(await getJob(deps, tenant, job.id)).toEqual(job);
    const { events, keys } = await rows(tenant);
    expect(keys).toHaveLength(0);
    expect(events).toMatchObject([
      {
        type: "JobCreated",
        aggregate_id: job.id,
        payload: {
          eventType: "JobCreated",
          tenantId: tenant,
          aggregateType: "Job",
          aggregateId: job.id,
          version: 1,
          occurredAt: job.createdAt,
          data: { title: "Fix the roof", status: "Open" },
        },
      },
    ]);
  });

  test("with the same key again gives the same bytes, and no second job, event or wake-up", async () => {
    const tenant = newTenant();
    const first = await create(tenant, "once", "key");
    const before = commits;
    const second = await create(tenant, "once", "key");
    expect(second.replayed).toBe(true);
    expect(second.response.body).toBe(first.response.body);
    expect(second.response.headers).toEqual(first.response.headers);
    expect(commits).toBe(before);
    const { jobs, events } = await rows(tenant);
    expect([jobs.length, events.length]).toEqual([1, 1]);
  });

  test("with a key that another request used is refused and writes nothing", async () => {
    const tenant = newTenant();
    await create(tenant, "one", "key");
    expect(codeOf(await create(tenant, "two", "key").catch((error: unknown) => error))).toBe("idempotency-key-reused");
    expect((await rows(tenant)).jobs).toHaveLength(1);
  });

  test("a hundred times at once with one key makes one job and one event; each answer is that job or 'busy'", async () => {
    const tenant = newTenant();
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => create(tenant, "once", "key")));
    const bodies = new Set(results.flatMap((r) => (r.status === "fulfilled" ? [r.value.response.body] : [])));
    const failures = new Set(results.flatMap((r) => (r.status === "rejected" ? [codeOf(r.reason)] : [])));
    expect(bodies.size).toBe(1);
    expect([...failures].filter((code) => code !== "idempotency-key-busy")).toEqual([]);
    const { jobs, events } = await rows(tenant);
    expect([jobs.length, events.length]).toEqual([1, 1]);
  });

  test("leaves nothing behind when any of its statements fails", async () => {
    const tenant = newTenant();
    await db.sql`alter table outbox_events add constraint refuse check (tenant_id <> ${db.sql.unsafe(`'${tenant}'`)})`;
    try {
      await expect(create(tenant, "half", "key")).rejects.toThrow("refuse");
    } finally {
      await db.sql`alter table outbox_events drop constraint refuse`;
    }
    const { jobs, events, keys } = await rows(tenant);
    expect([jobs.length, events.length, keys.length]).toEqual([0, 0, 0]);
    expect((await create(tenant, "whole", "key")).replayed).toBe(false);
  });

  test("keeps text as it was sent, whatever its characters", async () => {
    const tenant = newTenant();
    const title = `'; drop table jobs; -- \\ "\u2028 \u{1f600} ${"é".repeat(100)}`;
    const { response } = await create(tenant, title);
    expect((JSON.parse(response.body) as Job).title).toBe(title);
    expect((await rows(tenant)).jobs).toMatchObject([{ title }]);
    const [event] = (await rows(tenant)).events;
    expect(event?.payload.data.title).toBe(title);
  });
});

describe("reading jobs", () => {
  test("another tenant's job is not found, like one that does not exist", async () => {
    const { response } = await create(newTenant(), "hers");
    const job = JSON.parse(response.body) as Job;
    for (const id of [job.id, crypto.randomUUID()]) {
      expect(codeOf(await getJob(deps, newTenant(), id).catch((error: unknown) => error))).toBe("not-found");
    }
  });

  test("pages of any size give every job once, newest first", async () => {
    const tenant = newTenant();
    for (let i = 0; i < 7; i++) await create(tenant, `job ${i}`);
    for (const limit of [1, 2, 3, 7, 100]) {
      const seen: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await listJobs(deps, tenant, { limit, cursor });
        seen.push(...page.data.map((job) => job.title));
        if (page.next === null) break;
        cursor = page.next;
      }
      expect(seen).toEqual(["6", "5", "4", "3", "2", "1", "0"].map((i) => `job ${i}`));
    }
  });
});
