import { type Context, Hono } from "hono";
import { isUuid } from "../auth/identity.ts";
import { AppError } from "../errors.ts";
import { jsonBody } from "../http/body.ts";
import type { TenantEnv } from "../http/env.ts";
import { validate } from "../http/validate.ts";
import { fingerprint, parseKey } from "../idempotency/key.ts";
import { writeResponse } from "../idempotency/write.ts";
import type { CrmDependencies, WriteContext } from "./context.ts";
import { createJob, getJob, jobListSchema, listJobs, newJobSchema, responseHeaders } from "./jobs.ts";

/** Routes below `/api/crm/jobs`; they expect the identity in the context. */
export function jobRoutes(deps: CrmDependencies) {
  return new Hono<TenantEnv>()
    .post("/", ...jsonBody(), validate("json", newJobSchema), async (c) => {
      const { response, replayed } = await createJob(deps, await writeContext(c), c.req.valid("json"));
      return writeResponse(response, replayed);
    })
    .get("/", validate("query", jobListSchema), async (c) => {
      const page = c.req.valid("query");
      const { data, next } = await listJobs(deps, c.var.identity.tenantId, page);
      if (next !== null) c.header("Link", `<${c.req.path}?limit=${page.limit}&cursor=${next}>; rel="next"`);
      return c.json({ data, next });
    })
    .get("/:id", async (c) => {
      const id = c.req.param("id");
      // No job has such an id, so this is the answer of any other unknown one.
      if (!isUuid(id)) throw new AppError("not-found", "There is no such job: ids are UUIDs");
      const job = await getJob(deps, c.var.identity.tenantId, id);
      return c.body(JSON.stringify(job), 200, responseHeaders(job));
    });
}

/** Reads from the request what every write needs beside its body. */
async function writeContext(c: Context<TenantEnv>): Promise<WriteContext> {
  const { identity, trace } = c.var;
  const key = parseKey(c.req.header("idempotency-key"));
  const url = new URL(c.req.url);
  const shape = {
    method: c.req.method,
    path: url.pathname,
    query: url.search,
    principal: identity.principal,
    contentType: c.req.header("content-type") ?? "",
  };
  const body = key === undefined ? undefined : new Uint8Array(await c.req.arrayBuffer());
  return {
    tenantId: identity.tenantId,
    method: shape.method,
    path: shape.path,
    traceparent: trace.traceparent,
    idempotency:
      key === undefined || body === undefined ? undefined : { key, fingerprint: fingerprint({ ...shape, body }) },
  };
}
