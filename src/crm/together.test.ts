import { afterAll, beforeAll, expect, test } from "bun:test";
import { answer, crmDependencies, eventsOf, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { createAccount, newAccountSchema } from "./accounts.ts";
import type { CrmDependencies } from "./context.ts";
import { createJob, getJob, type Job, newJobSchema } from "./jobs.ts";

const ACME = crypto.randomUUID();
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

test("jobs of one tenant made at once are to the byte what each is alone: row, event, stored answer", async () => {
  const accountId = answer<{ id: string }>(
    await createAccount(deps, writeContext(ACME), newAccountSchema.parse({ name: "Acme" })),
  ).body.id;
  const inputs = [
    { title: "plain" },
    {
      title: 'Quotes " and \\ and ü',
      description: "two\nlines",
      status: "Scheduled",
      scheduledAt: "2027-03-01T09:00:00+01:00",
    },
    { title: "all of it", accountId, amount: { value: "12.50", currency: "EUR" }, tags: ["a", 'b "c"', "{d}"] },
    { title: "free", attributes: { deep: [{ x: null, y: 1.5 }], text: "ü" } },
  ];
  const made = [];
  for (const [i, input] of inputs.entries()) made.push(await create(ACME, input, `alone ${i}`));
  made.push(...(await Promise.all(inputs.map((input, i) => create(ACME, input, `together ${i}`)))));
  const ids = made.map((outcome) => answer<Job>(outcome).body.id);
  const [rows, events, keys] = [await rowsOf("jobs"), await rowsOf("outbox_events"), await rowsOf("idempotency_keys")];
  expect(new Set(ids.slice(inputs.length).map((id) => rows.get(id)?.xmin)).size).toBe(1);
  for (const [i, id] of ids.slice(inputs.length).entries()) {
    const [together, alone] = [id, ids[i] ?? ""].map((of) =>
      [rows, events, keys].map((table) => neutral(table.get(of)?.text ?? "missing", of)),
    );
    expect(together).toEqual(alone ?? []);
  }

  /** A tenant's rows as text by the id of the job that they are about, with the transaction that wrote them. */
  async function rowsOf(table: string) {
    const rows = await db.sql<{ text: string; xmin: string }[]>`
      select t::text as text, t.xmin::text as xmin from ${db.sql(table)} t where t.tenant_id = ${ACME}`;
    return new Map(ids.map((id) => [id, rows.find(({ text }) => text.includes(id))]));
  }
});

/** Text without what is each job's own: ids, times, the number of the event, the name of the key. */
function neutral(text: string, id: string): string {
  return text
    .replaceAll(id, "ID")
    .replace(/^\(\d+,/, "(N,")
    .replace(/(alone|together) \d/, "KEY")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID")
    .replace(/202\d-\d\d-\d\d[T ][\d:.]+(\+00|Z)/g, "TIME");
}

test("what is unusual among jobs of one tenant made at once is answered as alone, and the rest is made in one transaction", async () => {
  const tenant = crypto.randomUUID();
  const first = await create(tenant, { title: "before" }, "known");
  const answers = await Promise.allSettled([
    create(tenant, { title: "one" }, "k1"),
    create(tenant, { title: "before" }, "known"),
    create(tenant, { title: "another body" }, "known"),
    create(tenant, { title: "of nobody", accountId: crypto.randomUUID() }, "k2"),
    create(tenant, { title: "without a key" }),
    create(tenant, { title: "one" }, "k1"),
    create(tenant, { title: "two" }, "k3"),
  ]);
  const [one, replay, mismatch, refused, keyless, again, two] = answers.map((settled) =>
    settled.status === "fulfilled" ? settled.value : settled.reason,
  );
  expect(replay).toEqual({ response: { ...first.response, outcome: "replay" }, replayed: true });
  expect(mismatch).toMatchObject({ code: "idempotency-key-reused" });
  expect(refused).toMatchObject({ response: { status: 422 }, replayed: false });
  expect(again).toEqual({ response: { ...one.response, outcome: "replay" }, replayed: true });
  for (const made of [one, keyless, two]) expect(made).toMatchObject({ response: { status: 201 }, replayed: false });
  expect(await titlesOf(tenant)).toMatchObject(["before", "one", "without a key", "two"].map((title) => ({ title })));
  const [together] = await db.sql`
    select count(distinct xmin::text) from jobs where tenant_id = ${tenant} and title <> 'before'`;
  expect(together?.count).toBe("1");
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
