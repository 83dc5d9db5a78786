import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { answer, crmDependencies, eventsOf, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import {
  accountPatchSchema,
  changeAccount,
  createAccount,
  deleteAccount,
  getAccount,
  newAccountSchema,
} from "./accounts.ts";
import { createContact, deleteContact, newContactSchema } from "./contacts.ts";
import type { CrmDependencies } from "./context.ts";
import { createJob, deleteJob, newJobSchema } from "./jobs.ts";

type Shown = Record<string, unknown> & { id: string };
interface Refusal {
  errors: { kind: string; count: number; ids: string[]; detail: string }[];
}

let db: TestDatabase;
let deps: CrmDependencies;
beforeAll(async () => {
  db = await testDatabase();
  ({ deps } = crmDependencies(db.sql));
});
afterAll(() => db.drop());

const newTenant = () => crypto.randomUUID();
const newAccount = async (tenant: string, input: Record<string, unknown> = {}) =>
  answer<Shown>(await createAccount(deps, writeContext(tenant), newAccountSchema.parse({ name: "Roof Ltd", ...input })))
    .body;
const change = (tenant: string, id: string, patch: unknown) =>
  changeAccount(deps, writeContext(tenant), id, accountPatchSchema.parse(patch));
const newJob = async (tenant: string, accountId: string) =>
  answer<Shown>(await createJob(deps, writeContext(tenant), newJobSchema.parse({ title: "x", accountId }))).body;

describe("an account", () => {
  test("is shown with all its fields, as its event and a GET show it", async () => {
    const tenant = newTenant();
    const given = {
      industry: "Roofing",
      phone: "+49 (0)30 123-4",
      website: "https://roof.example/a?b=c",
      address: { city: "Köln", postalCode: "50667" },
    };
    const account = await newAccount(tenant, given);
    const address = { street: null, city: "Köln", postalCode: "50667", region: null, country: null };
    expect(account).toMatchObject({ ...given, name: "Roof Ltd", address, version: 1, tenantId: tenant });
    expect(JSON.parse((await getAccount(deps, tenant, account.id)).body)).toEqual(account);
    const [event] = await eventsOf(db.sql, tenant);
    expect(event).toMatchObject({ type: "AccountCreated", payload: { aggregateType: "Account", version: 1 } });
    expect(event?.payload.data).toEqual({ name: "Roof Ltd", ...given, address });
  });

  test("is changed by a merge patch, its address field by field; of an address whose fields are all cleared none is left", async () => {
    const tenant = newTenant();
    const { id } = await newAccount(tenant, { phone: "123456", address: { city: "Köln", street: "Ring 1" } });
    const first = answer<Shown>(await change(tenant, id, { phone: null, address: { street: null, region: "NRW" } }));
    expect(first.body).toMatchObject({
      name: "Roof Ltd",
      phone: null,
      version: 2,
      address: { city: "Köln", street: null },
    });
    expect(answer<Shown>(await change(tenant, id, { address: { city: null, region: null } })).body.address).toBeNull();
    expect(answer<Shown>(await change(tenant, id, { address: { city: "Bonn" } })).body.address).toMatchObject({
      city: "Bonn",
    });
    expect(answer<Shown>(await change(tenant, id, { address: null })).body.address).toBeNull();
    expect((await eventsOf(db.sql, tenant)).map((event) => event.type)).toEqual([
      "AccountCreated",
      ...Array.from({ length: 4 }, () => "AccountUpdated"),
    ]);
  });

  test("of another tenant is neither changed nor deleted nor referred to", async () => {
    const { id } = await newAccount(newTenant());
    const other = newTenant();
    expect((await change(other, id, { name: "mine" })).response.status).toBe(404);
    expect((await deleteAccount(deps, writeContext(other), id)).response.status).toBe(404);
    const contact = newContactSchema.parse({ name: "x", accountId: id });
    expect((await createContact(deps, writeContext(other), contact)).response.status).toBe(422);
    expect(await eventsOf(db.sql, other)).toEqual([]);
  });
});

describe("deleting an account", () => {
  test("that jobs and contacts refer to is a 409 that counts and names them; without them it is a 204", async () => {
    const tenant = newTenant();
    const { id } = await newAccount(tenant);
    const jobs: string[] = [];
    for (let i = 0; i < 7; i++) jobs.push((await newJob(tenant, id)).id);
    const contact = answer<Shown>(
      await createContact(deps, writeContext(tenant), newContactSchema.parse({ name: "Ann", accountId: id })),
    ).body;
    const refused = answer<Refusal>(await deleteAccount(deps, writeContext(tenant), id));
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toMatchObject([
      { kind: "jobs", count: 7, detail: "is referred to by 7 jobs" },
      { kind: "contacts", count: 1, ids: [contact.id], detail: "is referred to by 1 contact" },
    ]);
    expect(refused.body.errors[0]?.ids.toSorted()).toEqual(jobs.slice(0, 5).toSorted());
    for (const job of jobs) await deleteJob(deps, writeContext(tenant), job);
    await deleteContact(deps, writeContext(tenant), contact.id);
    expect((await deleteAccount(deps, writeContext(tenant), id)).response.status).toBe(204);
    expect((await eventsOf(db.sql, tenant)).at(-1)).toMatchObject({ type: "AccountDeleted", payload: { version: 2 } });
  });

  test("at the same time as jobs are made for it leaves either no account and no job, or both", async () => {
    const tenant = newTenant();
    for (let round = 0; round < 10; round++) {
      const { id } = await newAccount(tenant);
      const job = newJobSchema.parse({ title: "x", accountId: id });
      const [deleted, made] = await Promise.all([
        deleteAccount(deps, writeContext(tenant), id),
        createJob(deps, writeContext(tenant), job),
      ]);
      expect([
        [204, 422],
        [409, 201],
      ]).toContainEqual([deleted.response.status, made.response.status]);
    }
  });
});
