import { type Context, Hono } from "hono";
import type { Sql } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { bodyLimits, jsonBody } from "../http/body.ts";
import type { AppEnv, CallerEnv } from "../http/env.ts";
import { noParameters, validate } from "../http/validate.ts";
import { ackSchema } from "./acks.ts";
import { alertsSchema } from "./alerts.ts";
import { selectAuditAfter } from "./audit.ts";
import type { Autoheal } from "./autoheal.ts";
import { auditListSchema, listAudit } from "./lists.ts";
import { readStatus } from "./status.ts";
import { requireToken } from "./token.ts";

export interface AutohealRouteDependencies {
  readonly sql: Sql;
  readonly autoheal: Pick<Autoheal, "rules" | "state" | "replica" | "inbox" | "feed" | "acknowledge">;
  /** AUTOHEAL_TOKEN. */
  readonly token: string | undefined;
}

/** A thousand alerts with long annotations. */
const ALERT_BODY = { maxBytes: 4_194_304, timeoutMs: 5_000 };
/** Entries that are read together for a stream which comes back. */
const PAGE = 100;
/** Seconds that an ended stream's client gets to take what is still queued for it. */
const FAREWELL_S = 10;

const STREAM_HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** `POST /autoheal/alert`: what Alertmanager's webhook calls, by a token of its own. */
export function alertRoutes({ autoheal, token }: AutohealRouteDependencies) {
  return new Hono<AppEnv>().post(
    "/autoheal/alert",
    requireToken(token),
    bodyLimits(ALERT_BODY),
    ...jsonBody(),
    validate("json", alertsSchema),
    async (c) => c.json(await autoheal.inbox.receive(c.req.valid("json").alerts), 202),
  );
}

/** What people and their tools ask and say, below `/autoheal`. */
export function autohealRoutes({ sql, autoheal }: AutohealRouteDependencies) {
  return new Hono<CallerEnv>()
    .get("/status", noParameters, async (c) => c.json(await readStatus(sql, autoheal), 200, NO_STORE))
    .get("/audit", validate("query", auditListSchema), async (c) => {
      const page = await listAudit(sql, c.req.valid("query"));
      if (page.next !== null) c.header("Link", nextLink(c, page.next));
      return c.json(page);
    })
    .post("/ack", noParameters, ...jsonBody(), validate("json", ackSchema), async (c) => {
      return c.json(await autoheal.acknowledge(c.var.caller.principal, c.req.valid("json")), 201);
    })
    .get("/events", async (c) => {
      const after = readLastId(c);
      if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
      if (autoheal.feed.isFull) {
        throw new AppError("unavailable", "As many streams are open here as there may be", {
          headers: { "Retry-After": "10" },
        });
      }
      const past = { after, page: (id: string) => selectAuditAfter(sql, id, PAGE) };
      // Bun ends a connection that was silent for its idle time-out.
      const { server } = c.env;
      const { raw } = c.req;
      server.timeout(raw, 0);
      const client = await autoheal.feed.open(past, c.var.caller.expiresAt, () => server.timeout(raw, FAREWELL_S));
      return c.body(client.body, 200, STREAM_HEADERS);
    });
}

const NO_STORE = { "Cache-Control": "no-store" };

/** Every other parameter is kept. */
function nextLink(c: Context, next: string): string {
  const { pathname, searchParams } = new URL(c.req.url);
  searchParams.set("cursor", next);
  return `<${pathname}?${searchParams}>; rel="next"`;
}

/** What the client has seen; undefined when it wants only what comes. */
function readLastId(c: Context): string | undefined {
  const faults = Object.keys(c.req.query())
    .filter((parameter) => parameter !== "lastEventId")
    .map((parameter) => ({ parameter, detail: "is not a known parameter; known is lastEventId" }));
  const header = c.req.header("last-event-id");
  const query = c.req.query("lastEventId");
  if (query !== undefined && !ID.test(query))
    faults.push({ parameter: "lastEventId", detail: "must be an id of this stream" });
  if (faults.length > 0) {
    throw new AppError(
      "malformed-request",
      faults.map(({ parameter, detail }) => `${parameter} ${detail}`).join("; "),
      { faults },
    );
  }
  // A browser that comes back sends the header with the query of its first connect. One that is not ours means nothing.
  return header !== undefined && ID.test(header) ? header : query;
}
const ID = /^\d{1,18}$/;
