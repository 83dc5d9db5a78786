import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Sql } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { jsonBody } from "../http/body.ts";
import type { CallerEnv } from "../http/env.ts";
import { validate } from "../http/validate.ts";
import { isUuid } from "../uuid.ts";
import { type Decision, decide, listAudit, listDeadLetters } from "./dead-letters.ts";
import type { OutboxStatus } from "./status.ts";

export interface OutboxRouteDependencies {
  readonly sql: Sql;
  readonly status: OutboxStatus;
}

const limit = z
  .string({ error: "must be given once" })
  .regex(/^\d{1,3}$/, "must be a whole number from 1 to 200")
  .transform(Number)
  .refine((n) => n >= 1 && n <= 200, "must be a whole number from 1 to 200")
  .default(50);

const pageSchema = z.strictObject({
  limit,
  after: z
    .string({ error: "must be given once" })
    .regex(/^\d{1,18}$/, "must be the `next` of an earlier page")
    .optional(),
});

const auditSchema = z.strictObject({ limit });

/** A JSON body, even an empty one, is asked for: so no other site's page can send the request without being asked first (CORS). */
const decisionSchema = z.strictObject(
  {
    reason: z
      .string({ error: "must be text of at most 500 characters" })
      .max(500, "must be text of at most 500 characters")
      .refine((text) => !text.includes("\0") && text.isWellFormed(), "must not contain NUL or half of a surrogate pair")
      .optional(),
  },
  { error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined) },
);

/** `/api/ops/outbox`: how the outbox does, its dead letters, and the decisions about them. */
export function outboxRoutes(deps: OutboxRouteDependencies) {
  const decided = async (c: Context<CallerEnv>, action: Decision["action"], id: string, reason: string | undefined) => {
    if (!isUuid(id)) throw new AppError("not-found", "There is no such dead letter: event ids are UUIDs");
    return c.json(await decide(deps.sql, id, { action, actor: c.var.caller.principal, reason }));
  };
  return new Hono<CallerEnv>()
    .get("/", async (c) => c.json(await deps.status.report()))
    .get("/dead-letters", validate("query", pageSchema), async (c) => {
      const { limit, after } = c.req.valid("query");
      const page = await listDeadLetters(deps.sql, limit, after);
      if (page.next !== null) c.header("Link", `<${c.req.path}?limit=${limit}&after=${page.next}>; rel="next"`);
      return c.json(page);
    })
    .get("/audit", validate("query", auditSchema), async (c) =>
      c.json({ data: await listAudit(deps.sql, c.req.valid("query").limit) }),
    )
    .post("/dead-letters/:eventId/requeue", ...jsonBody(), validate("json", decisionSchema), (c) =>
      decided(c, "requeue", c.req.param("eventId"), c.req.valid("json").reason),
    )
    .post("/dead-letters/:eventId/discard", ...jsonBody(), validate("json", decisionSchema), (c) =>
      decided(c, "discard", c.req.param("eventId"), c.req.valid("json").reason),
    );
}
