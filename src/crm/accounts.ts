import type { z } from "zod";
import { AppError } from "../errors.ts";
import type { WriteRow } from "../idempotency/write.ts";
import type { CrmDependencies, EntityFields, ShownEntity, WriteContext } from "./context.ts";
import { body, phone, text, website } from "./fields.ts";
import { type ListQuery, type ListRow, listSchema, type Page, readPage, textFilter } from "./lists.ts";
import { runWrite, type WriteOutcome } from "./write.ts";

const addressFields = {
  street: text(200).nullable(),
  city: text(100).nullable(),
  postalCode: text(20).nullable(),
  region: text(100).nullable(),
  country: text(100).nullable(),
};

const accountFields = {
  name: text(200),
  industry: text(100).nullable(),
  phone: phone().nullable(),
  website: website().nullable(),
  /** Of an address each field can be sent alone; it is shown with all. */
  address: body(addressFields).partial().nullable(),
};

/** The body of `POST /api/crm/accounts`. */
export const newAccountSchema = body({
  name: accountFields.name,
  industry: accountFields.industry.default(null),
  phone: accountFields.phone.default(null),
  website: accountFields.website.default(null),
  address: accountFields.address.default(null),
});
/** An account to be made. */
export type NewAccount = z.output<typeof newAccountSchema>;

/** The body of `PATCH /api/crm/accounts/{id}`: a JSON merge patch. */
export const accountPatchSchema = body(accountFields).partial();
/** A change of an account: fields that it does not have stay, null clears. */
export type AccountPatch = z.output<typeof accountPatchSchema>;

/** Parameters of `GET /api/crm/accounts`. */
export const accountListSchema = listSchema("accounts", ["createdAt", "updatedAt", "name"], {
  name: textFilter(200),
  industry: textFilter(100),
});

/** An account as the API shows it. */
export interface Account extends NewAccount, EntityFields {}

/** Creates an account, its `AccountCreated` event and the stored response in one transaction and one round trip. */
export function createAccount(deps: CrmDependencies, context: WriteContext, input: NewAccount): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const [id, eventId] = [deps.ambient.newId(), deps.ambient.newId()];
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`
      select * from create_account(${write}, ${id}::uuid, ${eventId}::uuid, ${JSON.stringify(input)}::text::jsonb)`,
  );
}

/** Changes an account by a JSON merge patch: `AccountUpdated`. */
export function changeAccount(
  deps: CrmDependencies,
  context: WriteContext,
  id: string,
  patch: AccountPatch,
): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const eventId = deps.ambient.newId();
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`
      select * from change_account(${write}, ${id}::uuid, ${eventId}::uuid, ${JSON.stringify(patch)}::text::jsonb)`,
  );
}

/** Deletes an account: `AccountDeleted`. While jobs or contacts refer to it the answer is a 409 that names them. */
export function deleteAccount(deps: CrmDependencies, context: WriteContext, id: string): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const eventId = deps.ambient.newId();
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`select * from delete_account(${write}, ${id}::uuid, ${eventId}::uuid)`,
  );
}

/**
 * One account of the tenant, in one round trip.
 * @throws {AppError} not-found, also when the account is another tenant's
 */
export async function getAccount(deps: CrmDependencies, tenantId: string, id: string): Promise<ShownEntity> {
  const [account] = await deps.sql<
    ShownEntity[]
  >`select version, body from get_account(${tenantId}::uuid, ${id}::uuid)`;
  if (account === undefined) throw new AppError("not-found", `There is no account ${id}`);
  return account;
}

/** A page of the tenant's accounts, in one round trip. */
export function listAccounts(deps: CrmDependencies, tenantId: string, list: ListQuery): Promise<Page> {
  return readPage(
    deps,
    list,
    (sql, query) => sql<ListRow[]>`select * from list_accounts(${tenantId}::uuid, ${query}::text::jsonb)`,
  );
}
