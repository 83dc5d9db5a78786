import { Hono } from "hono";
import { jsonBody, MERGE_PATCH } from "../http/body.ts";
import type { TenantEnv } from "../http/env.ts";
import { validate } from "../http/validate.ts";
import { writeResponse } from "../idempotency/write.ts";
import type { CrmDependencies } from "./context.ts";
import {
  changeJob,
  createJob,
  deleteJob,
  getJob,
  jobListSchema,
  jobPatchSchema,
  listJobs,
  newJobSchema,
} from "./jobs.ts";
import { idParameter, writeContext } from "./requests.ts";

/** Routes below `/api/crm/jobs`; they expect the identity in the context. */
export function jobRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .post("/", ...jsonBody(), validate("json", newJobSchema), async (c) =>
      writeResponse(await createJob(deps, await writeContext(c), c.req.valid("json"))),
    )
    .get("/", validate("query", jobListSchema), async (c) => {
      const page = c.req.valid("query");
      const { data, next } = await listJobs(deps, c.var.identity.tenantId, page);
      if (next !== null) c.header("Link", `<${c.req.path}?limit=${page.limit}&cursor=${next}>; rel="next"`);
      return c.json({ data, next });
    })
    .get("/:id", async (c) => {
      const id = idParameter(c, "job");
      const { body, version } = await getJob(deps, c.var.identity.tenantId, id);
      return c.body(body, 200, { "Content-Type": "application/json", ETag: `"v${version}"` });
    })
    .patch("/:id", ...jsonBody(MERGE_PATCH), validate("json", jobPatchSchema), async (c) =>
      writeResponse(await changeJob(deps, await writeContext(c), idParameter(c, "job"), c.req.valid("json"))),
    )
    .delete("/:id", async (c) => writeResponse(await deleteJob(deps, await writeContext(c), idParameter(c, "job"))));
}
