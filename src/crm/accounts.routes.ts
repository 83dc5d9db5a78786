import { Hono } from "hono";
import { ANY_BODY, jsonBody, MERGE_PATCH } from "../http/body.ts";
import type { TenantEnv } from "../http/env.ts";
import { noParameters, validate } from "../http/validate.ts";
import { writeResponse } from "../idempotency/write.ts";
import {
  type Account,
  accountListSchema,
  accountPatchSchema,
  changeAccount,
  createAccount,
  deleteAccount,
  getAccount,
  listAccounts,
  newAccountSchema,
} from "./accounts.ts";
import type { CrmDependencies } from "./context.ts";
import { type HistoryEvent, historySchema, listEvents } from "./history.ts";
import { idParameter, writeContext } from "./requests.ts";
import { entityResponse, pageResponse } from "./responses.ts";

/** Routes below `/api/crm/accounts`; they expect the identity in the context. */
export function accountRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .post("/", noParameters, ...jsonBody(), validate("json", newAccountSchema), async (c) =>
      writeResponse<Account>(await createAccount(deps, await writeContext(c), c.req.valid("json"))),
    )
    .get("/", validate("query", accountListSchema), async (c) =>
      pageResponse<Account>(c, await listAccounts(deps, c.var.identity.tenantId, c.req.valid("query"))),
    )
    .get("/:id", noParameters, async (c) =>
      entityResponse<Account>(c, await getAccount(deps, c.var.identity.tenantId, idParameter(c, "account"))),
    )
    .patch("/:id", noParameters, ...jsonBody(MERGE_PATCH), validate("json", accountPatchSchema), async (c) =>
      writeResponse<Account>(
        await changeAccount(deps, await writeContext(c), idParameter(c, "account"), c.req.valid("json")),
      ),
    )
    .delete("/:id", noParameters, ...ANY_BODY, async (c) =>
      writeResponse<null>(await deleteAccount(deps, await writeContext(c), idParameter(c, "account"))),
    )
    .get("/:id/events", validate("query", historySchema), async (c) => {
      const { tenantId } = c.var.identity;
      const id = idParameter(c, "account");
      const entity = { type: "Account", id, exists: () => getAccount(deps, tenantId, id) } as const;
      return pageResponse<HistoryEvent>(c, await listEvents(deps, tenantId, entity, c.req.valid("query")));
    });
}
