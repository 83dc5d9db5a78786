import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Config } from "../config.ts";
import { AppError } from "../errors.ts";
import { BODY_LIMITS } from "./body.ts";
import type { TenantEnv } from "./env.ts";
import { type Taken, TokenBuckets } from "./token-buckets.ts";

/** What a tenant may have for long, and at once. */
export interface Rate {
  /** A second; 0 for any number. */
  readonly rate: number;
  readonly burst: number;
}

export interface TenantLimit {
  readonly requests: Rate;
  /** Of request bodies. Its burst is at least what one body may have, or that one could never be sent. */
  readonly bodyBytes: Rate;
}

export const NO_LIMIT: Rate = { rate: 0, burst: 0 };

type TenantSettings = Pick<Config, "TENANT_RPS" | "TENANT_BURST" | "TENANT_BODY_BPS" | "MAX_BODY_BYTES">;

/** What one tenant may have: twice its rate at once, and in any case the largest body that is taken. */
export function tenantLimits(config: TenantSettings): TenantLimit {
  const { TENANT_RPS, TENANT_BURST, TENANT_BODY_BPS, MAX_BODY_BYTES } = config;
  return {
    requests: { rate: TENANT_RPS, burst: TENANT_BURST || Math.max(1, 2 * TENANT_RPS) },
    bodyBytes: { rate: TENANT_BODY_BPS, burst: Math.max(MAX_BODY_BYTES, 2 * TENANT_BODY_BPS) },
  };
}

/** One of the limits: what it counts, and what a request costs. */
interface Quota {
  /** As the headers name it. */
  readonly name: string;
  readonly limit: Rate;
  /** Unit of the RateLimit draft; requests when missing. */
  readonly unit?: "content-bytes";
  readonly refusal: string;
  cost(c: Context): number;
}

/**
 * Holds each tenant to its rates: 429 with Retry-After beyond them, and on every answer the RateLimit headers of
 * https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html. Stands behind the identity, and before
 * anything reads the body.
 */
export function tenantLimit({ requests, bodyBytes }: TenantLimit, now: () => number = () => performance.now()) {
  const quotas: Quota[] = [
    {
      name: "tenant",
      limit: requests,
      refusal: `may make ${requests.rate} requests a second, ${requests.burst} at once`,
      cost: () => 1,
    },
    {
      name: "tenant-bytes",
      limit: bodyBytes,
      unit: "content-bytes",
      refusal: `may send ${bodyBytes.rate} bytes of bodies a second, ${bodyBytes.burst} at once`,
      cost: bodyLength,
    },
  ];
  const held = quotas
    .filter(({ limit }) => limit.rate > 0)
    .map((quota) => ({ ...quota, buckets: new TokenBuckets(quota.limit.rate, quota.limit.burst, now) }));
  const policy = held.map(({ name, limit: { rate, burst }, unit }) => {
    return `"${name}";q=${burst};w=${Math.ceil(burst / rate)}${unit === undefined ? "" : `;qu="${unit}"`}`;
  });
  return createMiddleware<TenantEnv>(async (c, next) => {
    if (held.length === 0) return await next();
    const state: string[] = [];
    const headers = () => ({ "RateLimit-Policy": policy.join(", "), RateLimit: state.join(", ") });
    for (const { name, buckets, refusal, cost } of held) {
      const taken = buckets.take(c.var.identity.tenantId, cost(c));
      state.push(`"${name}";r=${taken.remaining};t=${Math.ceil(taken.fullS)}`);
      if (!taken.allowed) throw tooMany(refusal, taken, headers());
    }
    await next();
    for (const [name, value] of Object.entries(headers())) c.res.headers.set(name, value);
  });
}

function tooMany(refusal: string, { nextS }: Taken, headers: Record<string, string>): AppError {
  return new AppError("too-many-requests", `This tenant ${refusal}`, {
    headers: { ...headers, "Retry-After": String(Math.max(1, Math.ceil(nextS))) },
  });
}

/**
 * Bytes that a request's body has as far as it says. One that is sent in chunks does not say, and counts as the largest
 * that is taken; one that says more than that is refused for itself (413) and counts as much.
 */
function bodyLength(c: Context): number {
  const { maxBytes } = c.get("bodyLimits") ?? BODY_LIMITS;
  const length = c.req.header("content-length");
  if (length === undefined) return c.req.raw.body === null ? 0 : maxBytes;
  return Math.min(Number(length), maxBytes);
}
