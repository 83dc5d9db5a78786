import { createMiddleware } from "hono/factory";
import { AppError, headerError } from "../errors.ts";
import { type Caller, ROLES, type Role } from "../http/caller.ts";
import type { CallerEnv, TenantEnv } from "../http/env.ts";
import type { Viewer } from "../stream/index.ts";
import { isUuid } from "../uuid.ts";

/** The development identity: whoever can reach the server, for every tenant and with every role. */
export const DEVELOPMENT: Caller = {
  principal: "development",
  name: "development",
  roles: new Set(ROLES),
  tenants: "any",
  expiresAt: undefined,
  by: "nothing",
};

/** True for methods that change nothing. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/**
 * Lets through who has one of the roles; answers 403 naming them otherwise.
 * @param needed the roles, any of which is enough, by method
 */
export function requireRole(needed: (method: string) => readonly Role[]) {
  return createMiddleware<CallerEnv>(async (c, next) => {
    const roles = needed(c.req.method);
    if (!roles.some((role) => c.var.caller.roles.has(role))) {
      throw new AppError("forbidden", `This needs the role ${roles.join(" or ")}, which the caller does not have`, {
        headers: { "WWW-Authenticate": challenge("insufficient_scope", undefined, roles) },
      });
    }
    await next();
  });
}

/** `crm:read` for what only reads, else `crm:write`. */
export const crmRole = requireRole((method) => (isSafe(method) ? ["crm:read"] : ["crm:write"]));
export const opsRole = requireRole(() => ["ops"]);
/** The stream and the page: a tenant's events for its users, all of them for who runs the server. */
export const viewerRole = requireRole(() => ["crm:read", "ops"]);

/** Picks the tenant: the one in `X-Tenant-Id`, or the only one that the caller has. */
export function pickTenant() {
  return createMiddleware<TenantEnv>(async (c, next) => {
    const { caller } = c.var;
    c.set("identity", { principal: caller.principal, tenantId: tenantOf(caller, c.req.header("x-tenant-id")) });
    await next();
  });
}

/**
 * The tenant that a request is for.
 * @throws {AppError} malformed-request when nothing says which and all are allowed, forbidden when it is not the caller's
 */
export function tenantOf({ tenants }: Caller, header: string | undefined): string {
  if (tenants === "any") {
    if (header === undefined) throw headerError("X-Tenant-Id", "is missing: it names the tenant by its UUID");
    if (!isUuid(header)) throw headerError("X-Tenant-Id", "must be one UUID");
    return header.toLowerCase();
  }
  const [only, ...others] = tenants;
  if (only === undefined) throw forbiddenTenant("the caller's token lists no tenant");
  if (header === undefined) {
    if (others.length === 0) return only;
    throw forbiddenTenant("is missing, and the caller has several tenants: it names one by its UUID");
  }
  const wanted = header.toLowerCase();
  if (!tenants.includes(wanted)) throw forbiddenTenant("must be a tenant that the caller's token lists");
  return wanted;
}

function forbiddenTenant(detail: string): AppError {
  return new AppError("forbidden", `X-Tenant-Id: ${detail}`, { faults: [{ header: "X-Tenant-Id", detail }] });
}

/** What of the stream the caller may see: with the role `ops` all of it, else its own tenants' events. */
export function viewerOf(caller: Caller): Viewer {
  const { tenants, roles, expiresAt: until } = caller;
  return { tenants: tenants === "any" || roles.has("ops") ? "all" : new Set(tenants), until };
}

/** `WWW-Authenticate` by RFC 6750, section 3: without an error when the caller sent no token at all. */
export function challenge(error?: string, description?: string, scope: readonly string[] = []): string {
  const parts = ['realm="aetherlink"'];
  if (error !== undefined) parts.push(`error="${error}"`);
  if (description !== undefined) parts.push(`error_description="${description.replace(/["\\]|[^\x20-\x7e]/g, "")}"`);
  if (scope.length > 0) parts.push(`scope="${scope.join(" ")}"`);
  return `Bearer ${parts.join(", ")}`;
}
