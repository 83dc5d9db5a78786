import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { AppError } from "../errors.ts";
import type { AppEnv } from "../http/env.ts";
import { refuseForged } from "./authenticate.ts";
import type { Provider } from "./provider.ts";
import type { Sessions } from "./session.ts";

export interface LoginDependencies {
  readonly provider: Provider;
  readonly sessions: Sessions;
  /** Where one is sent after a login that says nothing else. */
  readonly home: string;
}

const CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/signed-out`: the login of browsers. */
export function loginRoutes({ provider, sessions, home }: LoginDependencies) {
  const redirectUri = (c: Context) => `${sessions.origin(c)}/auth/callback`;
  return new Hono<AppEnv>()
    .use("/auth/*", async (c, next) => {
      await next();
      c.header("Cache-Control", "no-store");
    })
    .get("/auth/login", async (c) => {
      const { url, pending } = await provider.begin(redirectUri(c));
      const returnTo = ownPath(c.req.query("return_to"), sessions.origin(c)) ?? home;
      await sessions.remember(c, { ...pending, returnTo });
      return c.redirect(url.href, 302);
    })
    .get("/auth/callback", async (c) => {
      const login = await sessions.recall(c, c.req.query("state") ?? "");
      if (login === undefined) {
        throw new AppError(
          "malformed-request",
          "This browser began no such login, or it took too long: sign in again",
          {
            faults: [{ parameter: "state", detail: "must be that of a login that this browser began" }],
          },
        );
      }
      const callback = new URL(redirectUri(c));
      callback.search = new URL(c.req.url).search;
      await sessions.start(c, await provider.finish(callback, login));
      return c.redirect(`${sessions.origin(c)}${login.returnTo}`, 302);
    })
    .post("/auth/logout", async (c) => {
      refuseForged(c, sessions.origin(c));
      sessions.end(c);
      const signedOut = `${sessions.origin(c)}/auth/signed-out`;
      // Signed out here it is in any case; a provider that is away only cannot be told.
      const next = (await provider.endUrl(signedOut).catch(() => undefined))?.href ?? signedOut;
      // No redirect: the page's policy lets a form lead to our own origin alone, and browsers count redirects in.
      c.header("Refresh", `0;url=${next}`);
      return page(c, "Signing out", next, "Go on");
    })
    .get("/auth/signed-out", (c) => page(c, "You are signed out", `/auth/login?return_to=${home}`, "Sign in"));
}

/** A path on our own origin, as it is to be put behind it; undefined for anything that could lead elsewhere. */
export function ownPath(text: string | undefined, origin: string): string | undefined {
  if (text === undefined || text.length > 2_000 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text)) return undefined;
  const url = URL.parse(text, origin);
  // Dots are taken out of a path by the parser, which makes //evil.example of /.//evil.example.
  if (url === null || url.origin !== origin || url.pathname.startsWith("//")) return undefined;
  return `${url.pathname}${url.search}${url.hash}`;
}

function page(c: Context, title: string, href: string, link: string) {
  c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
  return c.html(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="dark light"><title>${title} · AetherLink</title></head>
<body><h1>${title}</h1><p><a href="${href}">${link}</a></p></body>
</html>
`);
}
