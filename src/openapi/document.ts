import { autohealPaths } from "./autoheal.ts";
import { components, ref, SIGNED_IN } from "./components.ts";
import { crmPaths, crmSchemas } from "./crm.ts";
import type { Json } from "./schema.ts";
import { loginPaths, serverPaths } from "./server.ts";

/** How callers prove who they are. */
export interface DescribedIdentity {
  /** True when callers need a token of an issuer; false when everyone is the development identity. */
  readonly tokens: boolean;
  /** True when browsers can sign in. */
  readonly login: boolean;
}

/** The API described: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html), its schemas made from those that check requests. */
export function openApiDocument(version: string, identity: DescribedIdentity): OpenApiDocument {
  const { securitySchemes, ...shared } = components;
  const { session, autoheal, ...schemes } = securitySchemes;
  return {
    openapi: "3.1.1",
    info: {
      title: "AetherLink",
      version,
      description: "A multi-tenant CRM whose every change becomes an event. By example: docs/api.md.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "Job", description: "Work to be done." },
      { name: "Account", description: "Customers." },
      { name: "Contact", description: "People." },
      { name: "Events", description: "What happened, live." },
      { name: "Operations", description: "For who runs the server." },
      { name: "Autoheal", description: "What watches the server, and mends it." },
      { name: "Server", description: "Health, metrics, this document." },
      ...(identity.login ? [{ name: "Login", description: "For browsers." }] : []),
    ],
    paths: withRequestId(
      withIdentity(
        { ...crmPaths(), ...serverPaths(), ...autohealPaths(), ...(identity.login ? loginPaths() : {}) },
        identity,
      ),
    ),
    components: {
      ...shared,
      parameters: identity.tokens ? { ...shared.parameters, TenantId: pickedTenant } : shared.parameters,
      schemas: { ...components.schemas, ...crmSchemas() },
      securitySchemes: { autoheal, ...(identity.tokens ? schemes : {}), ...(identity.login ? { session } : {}) },
    },
  };
}

const pickedTenant: Json = {
  ...components.parameters.TenantId,
  required: false,
  description: "The tenant whose data it is about: one of the token's. May be missing when the token has only one.",
};

/** Where nobody has to prove anything, nothing is answered 401 or 403; where browsers sign in, their cookie does too. */
function withIdentity(paths: Record<string, Json>, { tokens, login }: DescribedIdentity): Record<string, Json> {
  const described = (operation: Json): Json => {
    if (operation.security !== SIGNED_IN) return operation;
    if (tokens) return login ? { ...operation, security: [...SIGNED_IN, { session: [] }] } : operation;
    const { security: _, responses, ...rest } = operation;
    const answers = Object.entries(responses as Json).filter(([status]) => status !== "401" && status !== "403");
    return { ...rest, responses: Object.fromEntries(answers) };
  };
  const each = (item: Json) =>
    Object.entries(item).map(([method, operation]) => [method, described(operation as Json)]);
  return Object.fromEntries(Object.entries(paths).map(([path, item]) => [path, Object.fromEntries(each(item))]));
}

/** Every answer has the request's id; those that are shared say so themselves. */
function withRequestId(paths: Record<string, Json>): Record<string, Json> {
  const noted = (response: Json) =>
    "$ref" in response
      ? response
      : { ...response, headers: { "X-Request-Id": ref("headers", "X-Request-Id"), ...(response.headers as Json) } };
  const operationWith = (operation: Json): Json => ({
    ...operation,
    responses: mapValues(operation.responses as Record<string, Json>, noted),
  });
  return mapValues(paths, (item) => mapValues(item as Record<string, Json>, operationWith));
}

function mapValues<T>(values: Record<string, T>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

/** The parts of the document that we look into ourselves. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: Json;
  };
  readonly servers: readonly Json[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Json>>;
  readonly components: Json;
}
