import type { Server } from "bun";
import type { Fault } from "../errors.ts";
import type { Logger } from "../metrics/logger.ts";
import type { Trace } from "../metrics/trace.ts";
import type { Caller, Identity } from "./caller.ts";

/** What a body may be and take. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** Milliseconds from its beginning to its end. */
  readonly timeoutMs: number;
}

/** What the server hands to a handler beside the request. */
export type Bindings = { server: Server<undefined> };

/** What middleware leaves for the handlers of every route. */
export interface RequestVariables {
  requestId: string;
  /** The server's; what a line about the request should say of it is `ofRequest`. */
  logger: Logger;
  trace: Trace;
}

/** The Hono environment of every route. */
export interface AppEnv {
  Bindings: Bindings;
  Variables: RequestVariables;
}

/** The environment behind `authenticate`: who calls. */
export interface CallerEnv {
  Bindings: Bindings;
  Variables: RequestVariables & { caller: Caller };
}

/** The environment behind `pickTenant`: who calls, for which tenant. */
export interface TenantEnv {
  Bindings: Bindings;
  Variables: RequestVariables & { caller: Caller; identity: Identity };
}

declare module "hono" {
  /** Known to middleware of any environment. */
  interface ContextVariableMap {
    bodyLimits?: BodyLimits;
    caller?: Caller;
    identity?: Identity;
    /** Faults of the body's text that its parser does not see, for the validation to tell with its own. */
    unkept?: readonly Fault[];
  }
}
