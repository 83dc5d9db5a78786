import { Hono } from "hono";
import type { TenantEnv } from "../http/env.ts";
import { accountRoutes } from "./accounts.routes.ts";
import { contactRoutes } from "./contacts.routes.ts";
import type { CrmDependencies } from "./context.ts";
import { jobBatchRoute, jobRoutes } from "./jobs.routes.ts";

/** Every route below `/api/crm`; they expect the identity in the context. */
export function crmRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .route("/jobs", jobRoutes(deps))
    .route("/", jobBatchRoute(deps))
    .route("/accounts", accountRoutes(deps))
    .route("/contacts", contactRoutes(deps));
}

/** The API as a type: `hc<CrmApi>("http://localhost:9010/api/crm")` is a client that knows paths, parameters, bodies and answers. */
export type CrmApi = ReturnType<typeof crmRoutes>;
