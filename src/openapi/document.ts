import { components } from "./components.ts";
import { crmPaths, crmSchemas } from "./crm.ts";
import type { Json } from "./schema.ts";
import { serverPaths } from "./server.ts";

/** The API described: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html), its schemas made from those that check requests. */
export function openApiDocument(version: string): OpenApiDocument {
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
      { name: "Server", description: "Health, metrics, this document." },
    ],
    paths: { ...crmPaths(), ...serverPaths() },
    components: { ...components, schemas: { ...components.schemas, ...crmSchemas() } },
  };
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
