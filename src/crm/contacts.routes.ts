import { Hono } from "hono";
import { ANY_BODY, jsonBody, MERGE_PATCH } from "../http/body.ts";
import type { TenantEnv } from "../http/env.ts";
import { noParameters, validate } from "../http/validate.ts";
import { writeResponse } from "../idempotency/write.ts";
import {
  type Contact,
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
import { type HistoryEvent, historySchema, listEvents } from "./history.ts";
import { idParameter, writeContext } from "./requests.ts";
import { entityResponse, pageResponse } from "./responses.ts";

/** Routes below `/api/crm/contacts`; they expect the identity in the context. */
export function contactRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .post("/", noParameters, ...jsonBody(), validate("json", newContactSchema), async (c) =>
      writeResponse<Contact>(await createContact(deps, await writeContext(c), c.req.valid("json"))),
    )
    .get("/", validate("query", contactListSchema), async (c) =>
      pageResponse<Contact>(c, await listContacts(deps, c.var.identity.tenantId, c.req.valid("query"))),
    )
    .get("/:id", noParameters, async (c) =>
      entityResponse<Contact>(c, await getContact(deps, c.var.identity.tenantId, idParameter(c, "contact"))),
    )
    .patch("/:id", noParameters, ...jsonBody(MERGE_PATCH), validate("json", contactPatchSchema), async (c) =>
      writeResponse<Contact>(
        await changeContact(deps, await writeContext(c), idParameter(c, "contact"), c.req.valid("json")),
      ),
    )
    .delete("/:id", noParameters, ...ANY_BODY, async (c) =>
      writeResponse<null>(await deleteContact(deps, await writeContext(c), idParameter(c, "contact"))),
    )
    .get("/:id/events", validate("query", historySchema), async (c) => {
      const { tenantId } = c.var.identity;
      const id = idParameter(c, "contact");
      const entity = { type: "Contact", id, exists: () => getContact(deps, tenantId, id) } as const;
      return pageResponse<HistoryEvent>(c, await listEvents(deps, tenantId, entity, c.req.valid("query")));
    });
}
