import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./env.ts";

/** Characters of path and query at most; far beyond any list with all its filters. */
const MAX_TARGET = 8_192;

/** Headers of an answer that sets none of its own: JSON that a browser should neither run, sniff nor frame. */
const SECURITY_HEADERS = Object.entries({
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
});

/**
 * Gives every answer the security headers that it does not have yet. Not by `c.header`, which makes the response anew each
 * time once there is one (Hono 4.13), its body a stream.
 */
export const securityHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  for (const [name, value] of SECURITY_HEADERS) {
    if (!headers.has(name)) headers.set(name, value);
  }
};

/** Refuses a target that no route of ours has use for (414). */
export const limitTarget: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { url } = c.req;
  if (url.length > MAX_TARGET && url.length - new URL(url).origin.length > MAX_TARGET) {
    throw new AppError("path-too-long", `Path and query may have at most ${MAX_TARGET} characters`);
  }
  await next();
};

/** What a page of another origin may send and read. Cookies are never taken from there: it has to bring a token. */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler<AppEnv> {
  return cors({
    origin: [...origins],
    allowMethods: ["GET", "POST", "PATCH", "DELETE"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "If-Match",
      "If-None-Match",
      "Last-Event-ID",
      "X-Request-Id",
      "X-Tenant-Id",
      "traceparent",
    ],
    exposeHeaders: [
      "Accept-Patch",
      "Allow",
      "ETag",
      "Idempotent-Replayed",
      "Link",
      "Location",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
      "X-Request-Id",
    ],
    maxAge: 600,
  });
}
