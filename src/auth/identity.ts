import { createMiddleware } from "hono/factory";
import { headerError } from "../errors.ts";

/** Who calls and for which tenant. */
export interface Identity {
  /** Stable name of the caller; part of what makes two requests the same. */
  readonly principal: string;
  /** UUID of the tenant, lower case. */
  readonly tenantId: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True for a UUID in its usual text form, of any version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * The development identity: whoever can reach the server, for the tenant named in `X-Tenant-Id`.
 * Answers 400 when the header is missing, repeated or not a UUID.
 */
export function developmentIdentity() {
  return createMiddleware<{ Variables: { identity: Identity } }>(async (c, next) => {
    const header = c.req.header("x-tenant-id");
    if (header === undefined) throw headerError("X-Tenant-Id", "is missing: it names the tenant by its UUID");
    if (!isUuid(header)) throw headerError("X-Tenant-Id", "must be one UUID");
    c.set("identity", { principal: "development", tenantId: header.toLowerCase() });
    await next();
  });
}
