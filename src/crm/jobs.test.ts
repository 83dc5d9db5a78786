import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { answer, crmDependencies, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { withTenant } from "../db/tenant.ts";
import { AppError } from "../errors.ts";
import type { CrmDependencies, IfMatch } from "./context.ts";
import { changeJob, createJob, deleteJob, getJob, type Job, jobPatchSchema, newJobSchema } from "./jobs.ts";

let db: TestDatabase;
let deps: CrmDependencies;
let counter: { commits: number };
beforeAll(async () => {
  db = await testDatabase();
  ({ deps, counter } = crmDependencies(db.sql));
});
afterAll(() => db.drop());

/** A tenant of its own for each test. */
const newTenant = () => crypto.randomUUID();

const create = (tenantId: string, title: string, key?: string) =>
  createJob(deps, writeContext(tenantId, { key, body: title }), newJobSchema.parse({ title }));

type Conditions = { key?: string; ifMatch?: IfMatch };
const change = (tenantId: string, id: string, patch: unknown, conditions: Conditions = {}) =>
  changeJob(deps, writeContext(tenantId, conditions), id, jobPatchSchema.parse(patch));
const remove = (tenantId: string, id: string, conditions: Conditions = {}) =>
  deleteJob(deps, writeContext(tenantId, conditions), id);
const newJob = async (tenantId: string, input: Record<string, unknown> = {}) =>
  answer<Job>(await createJob(deps, writeContext(tenantId), newJobSchema.parse({ title: "a job", ...input }))).body;

const rows = (tenantId: string) =>
  withTenant(db.sql, tenantId, async (tx) => ({
    jobs: await tx`select title from jobs`,
    events: await tx`select type, aggregate_id, payload from outbox_events order by id`,
    keys: await tx`select key from idempotency_keys`,
  }));

const codeOf = (error: unknown) => (error instanceof AppError ? error.code : error);

describe("creating a job", () => {
  test("stores the job and its event together, and tells that there is something to publish", async () => {
    const tenant = newTenant();
    const before = counter.commits;
    const { response, replayed } = await create(tenant, "Fix the roof");
    const job = JSON.parse(response.body) as Job;
    expect(replayed).toBe(false);
    expect(response.status).toBe(201);
    expect(counter.commits).toBe(before + 1);
    expect(await getJob(deps, tenant, job.id)).toMatchObject({ version: 1, body: response.body });
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
          data: { title: "Fix the roof", status: "Open", tags: [], attributes: {}, amount: null },
        },
      },
    ]);
  });

  test("with the same key again gives the same bytes, and no second job, event or wake-up", async () => {
    const tenant = newTenant();
    const first = await create(tenant, "once", "key");
    const before = counter.commits;
    const second = await create(tenant, "once", "key");
    expect(second.replayed).toBe(true);
    expect(second.response.body).toBe(first.response.body);
    expect(second.response.headers).toEqual(first.response.headers);
    expect(counter.commits).toBe(before);
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

describe("changing a job", () => {
  test("writes what the patch names, clears what it nulls, leaves the rest, and appends JobUpdated alone", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant, {
      description: "old",
      tags: ["a"],
      attributes: { floor: 3, roof: { slope: 30 } },
    });
    const patch = { description: null, tags: ["b", "c"], attributes: { floor: null, roof: { tiles: 12 } } };
    const { status, body } = answer<Job>(await change(tenant, job.id, patch));
    expect(status).toBe(200);
    const { updatedAt } = body;
    const attributes = { roof: { slope: 30, tiles: 12 } };
    expect(body).toEqual({ ...job, version: 2, description: null, tags: ["b", "c"], attributes, updatedAt });
    expect(JSON.parse((await getJob(deps, tenant, job.id)).body)).toEqual(body);
    const { events } = await rows(tenant);
    expect(events.map((event) => event.type)).toEqual(["JobCreated", "JobUpdated"]);
    expect(events[1]?.payload).toMatchObject({
      version: 2,
      occurredAt: updatedAt,
      data: { tags: ["b", "c"], attributes },
    });
  });

  test("to another status is an event of its own beside the update, with the same version", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    await change(tenant, job.id, { status: "Completed" });
    await change(tenant, job.id, { status: "Completed" });
    const { events } = await rows(tenant);
    expect(events.map((event) => [event.type, event.payload.version])).toEqual([
      ["JobCreated", 1],
      ["JobUpdated", 2],
      ["JobStatusChanged", 2],
      ["JobUpdated", 3],
    ]);
    expect(events[2]?.payload.data).toEqual({ title: "a job", status: "Completed", previousStatus: "Open" });
    expect(new Set(events.map((event) => event.payload.eventId)).size).toBe(4);
  });

  test("at the version that If-Match names is done; at another it is a 412 with the ETag, and nothing is written", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    expect((await change(tenant, job.id, { title: "two" }, { ifMatch: [1] })).response.status).toBe(200);
    for (const ifMatch of [[1], [3, 4], []]) {
      const { response } = await change(tenant, job.id, { title: "lost" }, { ifMatch });
      expect([response.status, response.headers.ETag]).toEqual([412, '"v2"']);
    }
    expect((await change(tenant, job.id, { title: "three" }, { ifMatch: [7, 2] })).response.status).toBe(200);
    expect((await change(tenant, job.id, { title: "four" }, { ifMatch: "any" })).response.status).toBe(200);
    expect((await rows(tenant)).events).toHaveLength(4);
  });

  test("is replayed before If-Match is looked at: a caller that lost the answer gets it", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    const first = await change(tenant, job.id, { title: "once" }, { key: "k", ifMatch: [1] });
    const second = await change(tenant, job.id, { title: "once" }, { key: "k", ifMatch: [1] });
    expect(second).toEqual({ response: { ...first.response, outcome: "replay" } as never, replayed: true });
    expect(second.response.status).toBe(200);
    expect((await rows(tenant)).events).toHaveLength(2);
  });

  test("keeps a refusal under its key: the same request gets the same bytes, also when it would succeed by now", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    const first = await change(tenant, job.id, {}, { key: "k", ifMatch: [2] });
    await change(tenant, job.id, { title: "two" });
    const second = await change(tenant, job.id, {}, { key: "k", ifMatch: [2] });
    expect([first.response.status, second.response.status, second.replayed]).toEqual([412, 412, true]);
    expect(second.response.body).toBe(first.response.body);
  });

  test("of a job that is not there, or is another tenant's, is a 404 and wakes nobody", async () => {
    const job = await newJob(newTenant());
    const before = counter.commits;
    for (const id of [job.id, crypto.randomUUID()]) {
      expect((await change(newTenant(), id, { title: "x" })).response.status).toBe(404);
      expect((await remove(newTenant(), id)).response.status).toBe(404);
    }
    expect(counter.commits).toBe(before);
  });

  test("a hundred times at once gives a hundred versions, and events whose id order is the order of versions", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => change(tenant, job.id, { status: i % 2 ? "Open" : "Scheduled" })),
    );
    const versions = results.map((result) => answer<Job>(result).body.version);
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 2));
    const { events } = await rows(tenant);
    const seen = events.map((event) => Number(event.payload.version));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(events.filter((event) => event.type === "JobUpdated")).toHaveLength(100);
  });

  test("with If-Match at once by twenty callers is won by one of them", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => change(tenant, job.id, { title: `by ${i}` }, { ifMatch: [1] })),
    );
    expect(results.filter((result) => result.response.status === 200)).toHaveLength(1);
    expect(results.filter((result) => result.response.status === 412)).toHaveLength(19);
  });

  test("an amount keeps its digits, is changed in parts, and half of one is refused", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant, { amount: { value: "100000000000000.10", currency: "EUR" } });
    expect(job.amount).toEqual({ value: "100000000000000.10", currency: "EUR" });
    const changed = answer<Job>(await change(tenant, job.id, { amount: { value: "0.3000" } })).body;
    expect(changed.amount).toEqual({ value: "0.3000", currency: "EUR" });
    expect(answer<Job>(await change(tenant, job.id, { amount: null })).body.amount).toBeNull();
    const half = answer<{ errors: { pointer: string }[] }>(await change(tenant, job.id, { amount: { value: "1" } }));
    expect(half.status).toBe(422);
    expect(half.body.errors.map((error) => error.pointer)).toEqual(["#/amount/currency"]);
  });
});

describe("deleting a job", () => {
  test("removes the row; JobDeleted has its last fields and the next version; a second time it is a 404", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant, { tags: ["last"] });
    expect((await remove(tenant, job.id, { ifMatch: [2] })).response.status).toBe(412);
    expect(await remove(tenant, job.id, { ifMatch: [1] })).toMatchObject({ response: { status: 204, body: "" } });
    expect((await remove(tenant, job.id)).response.status).toBe(404);
    const { jobs, events } = await rows(tenant);
    expect(jobs).toHaveLength(0);
    expect(events.map((event) => [event.type, event.payload.version])).toEqual([
      ["JobCreated", 1],
      ["JobDeleted", 2],
    ]);
    expect(events[1]?.payload.data).toMatchObject({ title: "a job", tags: ["last"] });
  });

  test("with the same key again is the same 204", async () => {
    const tenant = newTenant();
    const job = await newJob(tenant);
    await remove(tenant, job.id, { key: "k" });
    expect(await remove(tenant, job.id, { key: "k" })).toMatchObject({ replayed: true, response: { status: 204 } });
  });
});

describe("a server that asks for If-Match", () => {
  test("answers 428 without it, which is not kept: with it the same key goes on; * will do", async () => {
    const strict = crmDependencies(db.sql, { requireIfMatch: true }).deps;
    const tenant = newTenant();
    const job = await newJob(tenant);
    const patch = (ifMatch: IfMatch) => changeJob(strict, writeContext(tenant, { key: "k", ifMatch }), job.id, {});
    expect((await patch(undefined)).response).toMatchObject({ status: 428, headers: { ETag: '"v1"' } });
    expect((await patch([1])).response.status).toBe(200);
    expect((await deleteJob(strict, writeContext(tenant), job.id)).response.status).toBe(428);
    expect((await deleteJob(strict, writeContext(tenant, { ifMatch: "any" }), job.id)).response.status).toBe(204);
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
});
