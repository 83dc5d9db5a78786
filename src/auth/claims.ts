import type { JWTPayload } from "jose";
import { ROLES, type Role } from "../http/caller.ts";
import { isUuid } from "../uuid.ts";

/** Names of the claims that say what a caller may do. */
export interface ClaimNames {
  readonly tenants: string;
  readonly roles: string;
}

/** What a token says of its subject. */
export interface Subject {
  readonly principal: string;
  readonly name: string;
  readonly tenants: readonly string[];
  readonly roles: readonly Role[];
}

/** Reads the subject from claims that were checked; what is not understood gives no right. */
export function readSubject(claims: JWTPayload, names: ClaimNames): Subject {
  const principal = claims.sub ?? "";
  const tenants = texts(claimAt(claims, names.tenants)).filter(isUuid);
  const roles = texts(claimAt(claims, names.roles)).flatMap((text) => text.split(" "));
  const name = [claims.name, claims.preferred_username, claims.email].find(isFilled) ?? principal;
  return {
    principal,
    name: name.slice(0, 200),
    tenants: [...new Set(tenants.map((tenant) => tenant.toLowerCase()))],
    roles: ROLES.filter((role) => roles.includes(role)),
  };
}

/** The claim of that very name, as `https://crm.example/roles` is one, else a path such as `realm_access.roles`. */
function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
}

function isFilled(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
