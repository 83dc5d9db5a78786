import { createMiddleware } from "hono/factory";
import { DEVELOPMENT } from "../../src/auth/identity.ts";
import type { Caller } from "../../src/http/caller.ts";
import type { CallerEnv } from "../../src/http/env.ts";

/** Stands before routes that are tested by themselves: everything is called by this one. */
export function calledBy(caller: Partial<Caller> = {}) {
  return createMiddleware<CallerEnv>(async (c, next) => {
    c.set("caller", { ...DEVELOPMENT, ...caller });
    await next();
  });
}
