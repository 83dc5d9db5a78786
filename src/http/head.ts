import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./env.ts";

/**
 * Gives the answer to HEAD the length that GET's would have, which Bun 1.4.5 otherwise says is 0
 * (https://www.rfc-editor.org/rfc/rfc9110#section-8.6). A stream has none, and sends no body to HEAD here.
 */
export const headLength: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.req.method !== "HEAD" || c.res.body === null) return;
  const { byteLength } = await c.res.clone().arrayBuffer();
  c.header("Content-Length", String(byteLength));
};
