/** Who calls, as every handler behind the identity sees it; how that is found out is `auth/`. */

/** What a caller may do: read and write a tenant's entities, and run the server. None implies another. */
export const ROLES = ["crm:read", "crm:write", "ops"] as const;
export type Role = (typeof ROLES)[number];

/** Who sent a request, before a tenant was picked. */
export interface Caller {
  /** Stable name of the caller: the token's subject. It stands in the audit and in log lines. */
  readonly principal: string;
  /** Name for people. */
  readonly name: string;
  readonly roles: ReadonlySet<Role>;
  /** Tenants that the caller may act for, lower case; "any" for the development identity alone. */
  readonly tenants: readonly string[] | "any";
  /** When the proof of who they are ends; undefined for the development identity, which has none. */
  readonly expiresAt: Date | undefined;
  /** How they proved who they are; what a browser sends by itself (a cookie) needs a check against forged requests. */
  readonly by: "token" | "cookie" | "nothing";
}

/** Who calls and for which tenant. */
export interface Identity {
  /** Stable name of the caller; part of what makes two requests the same. */
  readonly principal: string;
  /** UUID of the tenant, lower case. */
  readonly tenantId: string;
}
