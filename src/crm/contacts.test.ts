import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { answer, crmDependencies, eventsOf, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { createAccount, newAccountSchema } from "./accounts.ts";
import {
  changeContact,
  contactListSchema,
  contactPatchSchema,
  createContact,
  deleteContact,
  getContact,
  listContacts,
  newContactSchema,
} from "./contacts.ts";
import type { CrmDependencies } from "./context.ts";
import { createJob, newJobSchema } from "./jobs.ts";

type Shown = Record<string, unknown> & { id: string };

let db: TestDatabase;
let deps: CrmDependencies;
beforeAll(async () => {
  db = await testDatabase();
  ({ deps } = crmDependencies(db.sql));
});
afterAll(() => db.drop());

const newTenant = () => crypto.randomUUID();
const newContact = async (tenant: string, input: Record<string, unknown> = {}) =>
  answer<Shown>(await createContact(deps, writeContext(tenant), newContactSchema.parse({ name: "Ann", ...input })))
    .body;
const change = async (tenant: string, id: string, patch: unknown) =>
  answer<Shown & { errors: { pointer: string }[] }>(
    await changeContact(deps, writeContext(tenant), id, contactPatchSchema.parse(patch)),
  );

describe("a contact", () => {
  test("is made, changed and deleted, with an event each", async () => {
    const tenant = newTenant();
    const account = answer<Shown>(
      await createAccount(deps, writeContext(tenant), newAccountSchema.parse({ name: "Roof Ltd" })),
    ).body;
    const contact = await newContact(tenant, { email: "Ann@Example.com", phone: "030 1234", accountId: account.id });
    expect(contact).toMatchObject({ name: "Ann", email: "Ann@Example.com", accountId: account.id, version: 1 });
    const changed = await change(tenant, contact.id, { email: null, accountId: null });
    expect<unknown>(changed.body).toEqual({
      ...contact,
      email: null,
      accountId: null,
      version: 2,
      updatedAt: changed.body.updatedAt,
    });
    expect(JSON.parse((await getContact(deps, tenant, contact.id)).body)).toEqual(changed.body);
    expect((await deleteContact(deps, writeContext(tenant), contact.id)).response.status).toBe(204);
    expect((await eventsOf(db.sql, tenant)).slice(1)).toMatchObject([
      { type: "ContactCreated", payload: { data: { name: "Ann", accountId: account.id } } },
      { type: "ContactUpdated", payload: { version: 2, data: { email: null } } },
      { type: "ContactDeleted", payload: { version: 3 } },
    ]);
  });

  test("cannot refer to an account that is not there; the refusal names the field", async () => {
    const tenant = newTenant();
    const { id } = await newContact(tenant);
    const { status, body } = await change(tenant, id, { accountId: crypto.randomUUID() });
    expect(status).toBe(422);
    expect(body.errors.map((error) => error.pointer)).toEqual(["#/accountId"]);
  });

  test("that a job refers to is not deleted: the 409 names the job", async () => {
    const tenant = newTenant();
    const { id } = await newContact(tenant);
    const job = newJobSchema.parse({ title: "x", contactId: id });
    const { body } = answer<Shown>(await createJob(deps, writeContext(tenant), job));
    const refused = answer(await deleteContact(deps, writeContext(tenant), id));
    expect(refused).toMatchObject({ status: 409, body: { errors: [{ kind: "jobs", count: 1, ids: [body.id] }] } });
  });

  test("is found by its e-mail address whatever its case", async () => {
    const tenant = newTenant();
    const { id } = await newContact(tenant, { email: "Ann@Example.com" });
    await newContact(tenant, { email: "bob@example.com" });
    const page = await listContacts(deps, tenant, contactListSchema.parse({ email: "aNN@example.COM" }));
    expect((JSON.parse(page.body) as { data: Shown[] }).data.map((contact) => contact.id)).toEqual([id]);
  });
});

test.each([
  ["email", "no"],
  ["email", `${"x".repeat(250)}@example.com`],
  ["phone", "12"],
  ["phone", "call me"],
  ["phone", "1".repeat(33)],
  ["accountId", "42"],
  ["name", null],
])("a contact whose %s is %p is refused", (field, value) => {
  const result = newContactSchema.safeParse({ name: "Ann", [field]: value });
  expect(result.error?.issues.map((issue) => issue.path)).toEqual([[field]]);
});
