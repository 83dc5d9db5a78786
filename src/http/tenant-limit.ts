import { createMiddleware } from "hono/factory";
import { AppError } from "../errors.ts";
import type { TenantEnv } from "./env.ts";
import { TokenBuckets } from "./token-buckets.ts";

export interface TenantLimit {
  /** Requests a second that a tenant may make for long; 0 for any number. */
  readonly rate: number;
  /** Requests that it may make at once. */
  readonly burst: number;
}

/**
 * Holds each tenant to its rate: 429 with Retry-After beyond it, and on every answer the RateLimit headers of
 * https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html. Stands behind the identity.
 */
export function tenantLimit({ rate, burst }: TenantLimit, now: () => number = () => performance.now()) {
  const buckets = new TokenBuckets(rate, burst, now);
  const policy = `"tenant";q=${burst};w=${Math.ceil(burst / rate)}`;
  return createMiddleware<TenantEnv>(async (c, next) => {
    if (rate === 0) return await next();
    const taken = buckets.take(c.var.identity.tenantId);
    const headers = {
      "RateLimit-Policy": policy,
      RateLimit: `"tenant";r=${taken.remaining};t=${Math.ceil(taken.fullS)}`,
    };
    if (!taken.allowed) {
      const seconds = Math.max(1, Math.ceil(taken.nextS));
      throw new AppError("too-many-requests", `This tenant may make ${rate} requests a second, ${burst} at once`, {
        headers: { ...headers, "Retry-After": String(seconds) },
      });
    }
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  });
}
