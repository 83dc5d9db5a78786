import { Hono } from "hono";
import { ANY_BODY, jsonBody, MERGE_PATCH } from "../http/body.ts";
import type { TenantEnv } from "../http/env.ts";
import { noParameters, validate } from "../http/validate.ts";
import { writeResponse } from "../idempotency/write.ts";
import type { CrmDependencies } from "./context.ts";
import { type HistoryEvent, historySchema, listEvents } from "./history.ts";
import {
  changeJob,
  createJob,
  createJobs,
  deleteJob,
  getJob,
  type Job,
  jobBatchSchema,
  jobListSchema,
  jobPatchSchema,
  listJobs,
  newJobSchema,
} from "./jobs.ts";
import { idParameter, writeContext } from "./requests.ts";
import { entityResponse, pageResponse } from "./responses.ts";

/** Routes below `/api/crm/jobs`; they expect the identity in the context. */
export function jobRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .post("/", noParameters, ...jsonBody(), validate("json", newJobSchema), async (c) =>
      writeResponse<Job>(await createJob(deps, await writeContext(c), c.req.valid("json"))),
    )
    .get("/", validate("query", jobListSchema), async (c) =>
      pageResponse<Job>(c, await listJobs(deps, c.var.identity.tenantId, c.req.valid("query"))),
    )
    .get("/:id", noParameters, async (c) =>
      entityResponse<Job>(c, await getJob(deps, c.var.identity.tenantId, idParameter(c, "job"))),
    )
    .patch("/:id", noParameters, ...jsonBody(MERGE_PATCH), validate("json", jobPatchSchema), async (c) =>
      writeResponse<Job>(await changeJob(deps, await writeContext(c), idParameter(c, "job"), c.req.valid("json"))),
    )
    .delete("/:id", noParameters, ...ANY_BODY, async (c) =>
      writeResponse<null>(await deleteJob(deps, await writeContext(c), idParameter(c, "job"))),
    )
    .get("/:id/events", validate("query", historySchema), async (c) => {
      const { tenantId } = c.var.identity;
      const id = idParameter(c, "job");
      const entity = { type: "Job", id, exists: () => getJob(deps, tenantId, id) } as const;
      return pageResponse<HistoryEvent>(c, await listEvents(deps, tenantId, entity, c.req.valid("query")));
    });
}

/** `POST /api/crm/jobs:batch`: a path of its own beside those of the jobs. */
export function jobBatchRoute(deps: CrmDependencies) {
  return new Hono<TenantEnv>().post(
    "/jobs:batch",
    noParameters,
    ...jsonBody(),
    validate("json", jobBatchSchema),
    async (c) =>
      writeResponse<{ jobs: Job[] }>(await createJobs(deps, await writeContext(c), c.req.valid("json").jobs)),
  );
}
