import type { Context, Hono, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { matchedRoutes } from "hono/route";
import { METHOD_NAME_ALL } from "hono/router";
import { isUnavailable } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { ofRequest } from "./context.ts";
import type { AppEnv } from "./env.ts";
import { problemResponse, statusOf } from "./problem.ts";

/** Methods that routes are looked for by when a path has none for the method asked. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
/** Seconds after which a caller may try again when the database was away. */
const RETRY_AFTER_S = 1;

/** What a request that took too long is ended with. */
export function tooSlow(): HTTPException {
  return new HTTPException(503, { message: "the request took too long" });
}

/** Turns whatever a handler threw into a problem; what is not meant for callers is logged and answered as 'internal'. */
export function onError(error: unknown, c: Context<AppEnv>): Response {
  const shown = toAppError(error);
  if (statusOf(shown) >= 500) c.get("logger").error({ ...ofRequest(c), err: error }, "request failed");
  return problemResponse(shown, c.req.path, c.var.requestId);
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  // Thrown by Hono's validator, the only status it has here.
  if (error instanceof HTTPException && error.status === 400) {
    return new AppError("malformed-request", "The body is not valid JSON", {
      faults: [{ pointer: "#", detail: "must be one JSON value" }],
    });
  }
  // Thrown by Hono's timeout, the only status that it has here.
  if (isUnavailable(error) || (error instanceof HTTPException && error.status === 503)) {
    return new AppError(
      "unavailable",
      "The database is not available right now. Try again; a write sent with the same Idempotency-Key is done once at most",
      { headers: { "Retry-After": String(RETRY_AFTER_S) } },
    );
  }
  return new AppError("internal", "Something went wrong here; the request id finds it in our logs");
}

/** Answers what no handler takes before any other middleware can find fault with it. */
export function refuseUnrouted(app: Hono<AppEnv>): MiddlewareHandler<AppEnv> {
  const refuse = notFound(app);
  return async (c, next) => {
    const isRouted = matchedRoutes(c).some((route) => route.method !== METHOD_NAME_ALL);
    return isRouted ? await next() : refuse(c);
  };
}

/** For a path without a handler for the method: 405 with Allow when there are others, OPTIONS answers with them, else 404. */
export function notFound(app: Hono<AppEnv>) {
  return (c: Context<AppEnv>): Response => {
    const allowed = METHODS.filter((method) => hasHandler(app, method, c.req.path));
    if (allowed.length === 0) {
      return onError(new AppError("not-found", `There is nothing at ${c.req.path}`), c);
    }
    const allow = [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
    if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { Allow: allow } });
    return onError(
      new AppError("method-not-allowed", `${c.req.path} takes ${allow}, not ${c.req.method}`, {
        headers: { Allow: allow },
      }),
      c,
    );
  };
}

/** Middleware is registered for ALL methods, handlers for one. */
function hasHandler(app: Hono<AppEnv>, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path);
  return matches.some(([[, route]]) => route.method === method);
}
