import { afterAll, beforeAll, expect, test } from "bun:test";
import { answer, crmDependencies, eventsOf, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { createAccount, newAccountSchema } from "./accounts.ts";
import type { CrmDependencies } from "./context.ts";
import { createJob, getJob, type Job, newJobSchema } from "./jobs.ts";

let db: TestDatabase;
let deps: CrmDependencies;
beforeAll(async () => {
  db = await testDatabase();
  ({ deps } = crmDependencies(db.sql));
});
afterAll(() => db.drop());

const create = (tenant: string, input: Record<string, unknown>, key?: string) =>
  createJob(deps, writeContext(tenant, { key, body: JSON.stringify(input) }), newJobSchema.parse(input));
const titlesOf = async (tenant: string) => (await eventsOf(db.sql, tenant)).map(({ payload }) => payload.data);

test("jobs of many tenants made at once are each its own tenant's, with its own event and answer", async () => {
  const tenants = Array.from({ length: 40 }, () => crypto.randomUUID());
  const made = await Promise.all(tenants.map((tenant, i) => create(tenant, { title: `job ${i}` }, "key")));
  const transactions = await db.sql<
    { xmin: string }[]
  >`select distinct xmin::text as xmin from jobs where tenant_id = any (${`{${tenants.join(",")}}`}::text::uuid[])`;
  expect(transactions.length).toBeLessThan(tenants.length / 4);
  for (const [i, outcome] of made.entries()) {
    const { title, tenantId } = answer<Job>(outcome).body;
    expect({ title, tenantId }).toEqual({ title: `job ${i}`, tenantId: tenants[i] ?? "" });
    expect(await titlesOf(tenantId)).toMatchObject([{ title }]);
  }
});

test("two requests with one key in one transaction are one job, and the second is a replay", async () => {
  const tenant = crypto.randomUUID();
  const [first, second, other] = await Promise.allSettled([
    create(tenant, { title: "once" }, "same"),
    create(tenant, { title: "once" }, "same"),
    create(tenant, { title: "another body" }, "same"),
  ]);
  expect(first).toMatchObject({ status: "fulfilled", value: { replayed: false } });
  expect(second).toMatchObject({ status: "fulfilled", value: { replayed: true } });
  expect(other).toMatchObject({ status: "rejected", reason: { code: "idempotency-key-reused" } });
  expect(await titlesOf(tenant)).toHaveLength(1);
});

test("one that the database refuses is answered for itself, the others of its transaction are made", async () => {
  const tenant = crypto.randomUUID();
  const bad = { ...(await creation(tenant)), input: { title: null } };
  const [good, refused, invalid] = await Promise.allSettled([
    create(tenant, { title: "good" }, "a"),
    deps.jobCreations.add(bad),
    create(tenant, { title: "refers to nothing", accountId: crypto.randomUUID() }, "b"),
  ]);
  expect(good).toMatchObject({ status: "fulfilled", value: { response: { status: 201 }, replayed: false } });
  expect(refused).toMatchObject({ status: "rejected", reason: { code: "23502" } });
  expect(invalid).toMatchObject({ status: "fulfilled", value: { response: { status: 422 } } });
  expect(await titlesOf(tenant)).toMatchObject([{ title: "good" }]);
});

test("one that waits for a lock holds up none of the others", async () => {
  const tenant = crypto.randomUUID();
  const account = answer<{ id: string }>(
    await createAccount(deps, writeContext(tenant), newAccountSchema.parse({ name: "locked" })),
  ).body.id;
  await db.sql
    .begin(async (tx) => {
      await tx`select from accounts where id = ${account} for update`;
      const waiting = create(tenant, { title: "of the account", accountId: account });
      const others = await Promise.all(["one", "two"].map((title) => create(tenant, { title })));
      expect(others.map(({ response }) => response.status)).toEqual([201, 201]);
      return { waiting };
    })
    .then(async ({ waiting }) => expect((await waiting).response.status).toBe(201));
});

test("reads at once are each its own tenant's", async () => {
  const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
  const job = answer<Job>(await create(mine, { title: "mine" })).body;
  const [seen, unseen] = await Promise.allSettled([getJob(deps, mine, job.id), getJob(deps, theirs, job.id)]);
  expect(seen).toMatchObject({ status: "fulfilled", value: { version: 1 } });
  expect(unseen).toMatchObject({ status: "rejected", reason: { code: "not-found" } });
});

async function creation(tenant: string) {
  const now = new Date();
  const { method, path, requestId: request, traceparent } = writeContext(tenant);
  const [id, event] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  return { tenant, key: null, fingerprint: null, method, path, request, traceparent, now, expires: now, id, event };
}
