import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { AppError } from "../errors.ts";
import type { Caller } from "../http/caller.ts";
import type { CallerEnv } from "../http/env.ts";
import { challenge, DEVELOPMENT, isSafe } from "./identity.ts";
import type { TokenVerifier } from "./tokens.ts";

/** Who is signed in by the browser's cookie. */
export interface CookieSessions {
  /** Undefined when nobody is. May answer with a new cookie. */
  caller(c: Context): Promise<Caller | undefined>;
  /** The origin that pages of ours are loaded from. */
  origin(c: Context): string;
}

/** Whether and how callers prove who they are. */
export interface Authentication {
  /** Undefined: the development identity. */
  readonly tokens: TokenVerifier | undefined;
  /** Undefined: there is no login for browsers. */
  readonly sessions: CookieSessions | undefined;
}

/** Without an issuer: everyone is the development identity. */
export const NO_LOGIN: Authentication = { tokens: undefined, sessions: undefined };

/** Finds out who calls: by the bearer token, which counts first, or by the session's cookie. Answers 401 otherwise. */
export function authenticate(authentication: Authentication) {
  return createMiddleware<CallerEnv>(async (c, next) => {
    const caller = await findCaller(c, authentication);
    if (caller === undefined) {
      throw new AppError("unauthenticated", "Send an access token: Authorization: Bearer <token>", {
        headers: { "WWW-Authenticate": challenge() },
      });
    }
    c.set("caller", caller);
    await next();
  });
}

/** A browser that nobody is signed in with is sent to the login; other callers go on, to their 401. */
export function sendToLogin(authentication: Authentication) {
  return createMiddleware(async (c, next) => {
    const isBrowser = c.req.header("accept")?.includes("text/html") === true;
    if (isBrowser && authentication.sessions !== undefined && (await findCaller(c, authentication)) === undefined) {
      const { pathname, search } = new URL(c.req.url);
      c.header("Cache-Control", "no-store");
      return c.redirect(`/auth/login?return_to=${encodeURIComponent(pathname + search)}`, 302);
    }
    return await next();
  });
}

/**
 * The caller of a request; undefined when nothing says who it is.
 * @throws {AppError} unauthenticated for a token that is not accepted, forbidden for a request that another site forged
 */
export async function findCaller(c: Context, { tokens, sessions }: Authentication): Promise<Caller | undefined> {
  if (tokens === undefined) return DEVELOPMENT;
  const header = c.req.header("authorization");
  if (header !== undefined) {
    const [, token] = /^Bearer +([\w.~+/=-]+)$/i.exec(header) ?? [];
    return token === undefined ? undefined : await tokens.verify(token);
  }
  const caller = await sessions?.caller(c);
  if (caller !== undefined && sessions !== undefined) refuseForged(c, sessions.origin(c));
  return caller;
}

/**
 * A browser sends the cookie with whatever page made the request, so one that changes something must come from our own:
 * https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html#fetch-metadata-headers
 */
export function refuseForged(c: Context, origin: string): void {
  if (isSafe(c.req.method)) return;
  const site = c.req.header("sec-fetch-site");
  const isOurs = site === undefined ? c.req.header("origin") === origin : site === "same-origin";
  if (!isOurs)
    throw new AppError("forbidden", "A request by cookie that changes something must come from our own page");
}
