import { describe, expect, test } from "bun:test";
import { readSubject } from "./claims.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
const names = (tenants: string, roles: string) => ({ tenants, roles });

describe("what claims say", () => {
  test("is found under a dotted path, as Keycloak has it, and under a name with dots, as Auth0 has it", () => {
    const keycloak = { sub: "a", org: { ids: TENANT.toUpperCase() }, realm_access: { roles: ["ops", "x"] } };
    expect(readSubject(keycloak, names("org.ids", "realm_access.roles"))).toMatchObject({
      tenants: [TENANT],
      roles: ["ops"],
    });
    const auth0 = { sub: "a", "https://crm.example/tenants": [TENANT], "https://crm.example/roles": "crm:read ops" };
    expect(readSubject(auth0, names("https://crm.example/tenants", "https://crm.example/roles"))).toMatchObject({
      tenants: [TENANT],
      roles: ["crm:read", "ops"],
    });
  });

  test.each(["__proto__", "constructor.name", "toString", "", ".", "sub.length"])(
    "is nothing for the claim %p, which the token has not",
    (name) => {
      expect(readSubject({ sub: "a" }, names(name, name))).toMatchObject({ tenants: [], roles: [] });
    },
  );

  test("names the subject as people do, or by its id", () => {
    const read = (claims: object) => readSubject({ sub: "id-1", ...claims }, names("t", "r")).name;
    expect(read({ name: "Anna", email: "a@x" })).toBe("Anna");
    expect(read({ name: " ", preferred_username: "anna" })).toBe("anna");
    expect(read({ name: 7 })).toBe("id-1");
  });
});
