import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Ambient } from "../ambient.ts";
import type { Logger } from "../metrics/logger.ts";
import { continueTrace } from "../metrics/trace.ts";
import type { Tracing } from "../metrics/tracing/tracing.ts";
import type { AppEnv } from "./env.ts";
import type { HttpMetrics } from "./metrics.ts";
import { requestOutcome } from "./traced.ts";

const REQUEST_ID = /^[\w.:-]{1,64}$/;

/**
 * Gives each request its id (the caller's `X-Request-Id` where it is harmless) and its trace, and logs one line, counts it
 * and ends its span when the response is ready.
 */
export function requestContext(logger: Logger, ambient: Ambient, metrics?: HttpMetrics, tracing?: Tracing) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const began = performance.now();
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : ambient.newId();
    const startMs = Date.now();
    const span = tracing?.request(c.req.header("traceparent"), startMs);
    const trace = span?.trace ?? continueTrace(c.req.header("traceparent"));
    c.set("requestId", requestId);
    c.set("trace", trace);
    c.set("logger", logger);
    const { method, path } = c.req;
    logger.debug({ ...ofRequest(c), method, path }, "request began");
    await next();
    c.res.headers.set("X-Request-Id", requestId);
    const took = performance.now() - began;
    metrics?.answered(c, took / 1_000);
    span?.end(requestOutcome(c, startMs + took));
    const ms = Math.round(took * 100) / 100;
    logger.info({ ...ofRequest(c), method, path, status: c.res.status, ms }, "request");
  });
}

/**
 * What every line about a request says of it. Fields and no logger of its own, for most requests write one line: two child
 * loggers a request were a tenth of the work for a GET.
 */
export function ofRequest(c: Context): { requestId: string; traceId: string; principal?: string } {
  const caller = c.get("caller");
  const told = { requestId: c.get("requestId"), traceId: c.get("trace").traceId };
  return caller === undefined ? told : { ...told, principal: caller.principal };
}
