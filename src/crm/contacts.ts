import type { z } from "zod";
import { AppError } from "../errors.ts";
import type { WriteRow } from "../idempotency/write.ts";
import type { CrmDependencies, EntityFields, ShownEntity, WriteContext } from "./context.ts";
import { body, email, phone, reference, text } from "./fields.ts";
import { idFilter, type ListQuery, type ListRow, listSchema, type Page, readPage, textFilter } from "./lists.ts";
import { runWrite, type WriteOutcome } from "./write.ts";

const contactFields = {
  name: text(200),
  email: email().nullable(),
  phone: phone().nullable(),
  accountId: reference("an account"),
};

/** The body of `POST /api/crm/contacts`. */
export const newContactSchema = body({
  name: contactFields.name,
  email: contactFields.email.default(null),
  phone: contactFields.phone.default(null),
  accountId: contactFields.accountId.default(null),
});
/** A contact to be made. */
export type NewContact = z.output<typeof newContactSchema>;

/** The body of `PATCH /api/crm/contacts/{id}`: a JSON merge patch. */
export const contactPatchSchema = body(contactFields).partial();
/** A change of a contact: fields that it does not have stay, null clears. */
export type ContactPatch = z.output<typeof contactPatchSchema>;

/** Parameters of `GET /api/crm/contacts`; `email` is looked up whatever its case. */
export const contactListSchema = listSchema("contacts", ["createdAt", "updatedAt", "name"], {
  name: textFilter(200),
  email: textFilter(254),
  accountId: idFilter(),
});

/** A contact as the API shows it. */
export interface Contact extends NewContact, EntityFields {}

/** Creates a contact, its `ContactCreated` event and the stored response in one transaction and one round trip. */
export function createContact(deps: CrmDependencies, context: WriteContext, input: NewContact): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const [id, eventId] = [deps.ambient.newId(), deps.ambient.newId()];
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`
      select * from create_contact(${write}, ${id}::uuid, ${eventId}::uuid, ${JSON.stringify(input)}::text::jsonb)`,
  );
}

/** Changes a contact by a JSON merge patch: `ContactUpdated`. */
export function changeContact(
  deps: CrmDependencies,
  context: WriteContext,
  id: string,
  patch: ContactPatch,
): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const eventId = deps.ambient.newId();
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`
      select * from change_contact(${write}, ${id}::uuid, ${eventId}::uuid, ${JSON.stringify(patch)}::text::jsonb)`,
  );
}

/** Deletes a contact: `ContactDeleted`. While jobs refer to it the answer is a 409 that names them. */
export function deleteContact(deps: CrmDependencies, context: WriteContext, id: string): Promise<WriteOutcome> {
  const now = deps.ambient.now();
  const eventId = deps.ambient.newId();
  return runWrite(
    deps,
    context,
    now,
    (sql, write) => sql<WriteRow[]>`select * from delete_contact(${write}, ${id}::uuid, ${eventId}::uuid)`,
  );
}

/**
 * One contact of the tenant, in one round trip.
 * @throws {AppError} not-found, also when the contact is another tenant's
 */
export async function getContact(deps: CrmDependencies, tenantId: string, id: string): Promise<ShownEntity> {
  const [contact] = await deps.sql<
    ShownEntity[]
  >`select version, body from get_contact(${tenantId}::uuid, ${id}::uuid)`;
  if (contact === undefined) throw new AppError("not-found", `There is no contact ${id}`);
  return contact;
}

/** A page of the tenant's contacts, in one round trip. */
export function listContacts(deps: CrmDependencies, tenantId: string, list: ListQuery): Promise<Page> {
  return readPage(
    deps,
    list,
    (sql, query) => sql<ListRow[]>`select * from list_contacts(${tenantId}::uuid, ${query}::text::jsonb)`,
  );
}
