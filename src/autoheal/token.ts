import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { challenge } from "../auth/identity.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "../http/env.ts";

/**
 * Lets through who sends this bearer token. Compared by their hashes in constant time: neither the token's length nor how
 * much of it was right can be told from the time that an answer takes.
 * @param token undefined: nobody is let through
 */
export function requireToken(token: string | undefined) {
  const wanted = token === undefined ? undefined : hash(token);
  return createMiddleware<AppEnv>(async (c, next) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
    const isRight = given !== undefined && wanted !== undefined && timingSafeEqual(hash(given), wanted);
    if (!isRight) {
      const error = given === undefined ? undefined : "invalid_token";
      const detail =
        wanted === undefined
          ? "No alerts are taken here: AUTOHEAL_TOKEN is not set"
          : "Send the token of AUTOHEAL_TOKEN: Authorization: Bearer <token>";
      throw new AppError("unauthenticated", detail, { headers: { "WWW-Authenticate": challenge(error) } });
    }
    await next();
  });
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
