import type { Server } from "bun";
import type { Identity } from "../auth/identity.ts";
import type { Logger } from "../metrics/logger.ts";
import type { Trace } from "../metrics/trace.ts";

/** What the server hands to a handler beside the request. */
export type Bindings = { server: Server<undefined> };

/** What middleware leaves for the handlers of every route. */
export interface RequestVariables {
  requestId: string;
  log: Logger;
  trace: Trace;
}

/** The Hono environment of every route. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: RequestVariables;
}

/** The environment behind `auth`: who calls, for which tenant. */
export interface TenantEnv {
  Bindings: Bindings;
  Variables: RequestVariables & { identity: Identity };
}
