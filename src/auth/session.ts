import type { Context } from "hono";
import { z } from "zod";
import type { Ambient } from "../ambient.ts";
import { AppError } from "../errors.ts";
import { type Caller, ROLES } from "../http/caller.ts";
import type { CookieSessions } from "./authenticate.ts";
import { Cookie } from "./cookies.ts";
import type { PendingLogin, Provider, SignedIn } from "./provider.ts";
import type { Sealer } from "./seal.ts";

export interface SessionOptions {
  readonly provider: Provider;
  readonly sealer: Sealer;
  readonly ambient: Ambient;
  /** Origin under which browsers reach us; undefined: the one in the request. */
  readonly publicUrl: string | undefined;
}

/** Milliseconds for which a login may take. */
const LOGIN_MS = 600_000;
/** Milliseconds after which one has to sign in again, however often the session was refreshed. */
const LONGEST_MS = 12 * 3_600_000;
/** Milliseconds before its end at which a session is refreshed. */
const EARLY_MS = 30_000;
/** Milliseconds for which a refresh answers all requests that carry the former cookie: a refresh token may be used once. */
const SHARED_MS = 30_000;

const sessionSchema = z.object({
  sub: z.string(),
  name: z.string(),
  tenants: z.array(z.string()),
  roles: z.array(z.enum(ROLES)),
  /** Seconds since 1970 at which the proof ends. */
  ends: z.number(),
  /** Seconds since 1970 at which the session ends for good. */
  until: z.number(),
  refresh: z.string().optional(),
});
type Session = z.infer<typeof sessionSchema>;

const loginSchema = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), returnTo: z.string() });
export type Login = PendingLogin & { readonly returnTo: string };

/** Sessions of browsers, each whole in its own cookie: there is no store, and every replica with the secret reads it. */
export class Sessions implements CookieSessions {
  readonly #options: SessionOptions;
  /** Refreshes under way or just done, by the token that they used up. */
  readonly #refreshes = new Map<string, Promise<SignedIn>>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The origin that pages of ours are loaded from. */
  origin(c: Context): string {
    return this.#options.publicUrl ?? new URL(c.req.url).origin;
  }

  /** Who is signed in. A session that is about to end is refreshed, when the provider gave a token for that. */
  async caller(c: Context): Promise<Caller | undefined> {
    const text = this.#cookie(c).read(c);
    if (text === undefined) return undefined;
    const now = this.#options.ambient.now();
    const opened = sessionSchema.safeParse(await this.#options.sealer.open("session", text, now));
    if (!opened.success) return undefined;
    const session = opened.data;
    if (session.refresh !== undefined && session.ends * 1_000 - EARLY_MS <= now.getTime()) {
      return await this.#refreshed(c, session, session.refresh);
    }
    return session.ends * 1_000 > now.getTime() ? toCaller(session) : undefined;
  }

  /** Signs the browser in. */
  async start(c: Context, signedIn: SignedIn): Promise<void> {
    const until = Math.floor((this.#options.ambient.now().getTime() + LONGEST_MS) / 1_000);
    await this.#write(c, toSession(signedIn, until));
  }

  /** Signs the browser out here. */
  end(c: Context): void {
    this.#cookie(c).clear(c);
  }

  /** Remembers a login until the browser is back; several may be under way in its tabs. */
  async remember(c: Context, login: Login): Promise<void> {
    const expires = new Date(this.#options.ambient.now().getTime() + LOGIN_MS);
    this.#loginCookie(c, login.state).write(
      c,
      await this.#options.sealer.seal("login", { ...login }, expires),
      expires,
    );
  }

  /** The login that this browser began with that state, once. */
  async recall(c: Context, state: string): Promise<Login | undefined> {
    const cookie = this.#loginCookie(c, state);
    const text = cookie.read(c);
    if (text === undefined) return undefined;
    cookie.clear(c);
    const login = loginSchema.safeParse(await this.#options.sealer.open("login", text, this.#options.ambient.now()));
    return login.success && login.data.state === state ? login.data : undefined;
  }

  async #refreshed(c: Context, session: Session, refreshToken: string): Promise<Caller | undefined> {
    try {
      const next = toSession(await this.#shared(refreshToken), session.until);
      // An ID token is not always sent again, and with it the name.
      const named = { ...next, name: next.name === next.sub ? session.name : next.name };
      if (named.sub !== session.sub) return undefined;
      await this.#write(c, named);
      return toCaller(named);
    } catch (error) {
      const isLeft = session.ends * 1_000 > this.#options.ambient.now().getTime();
      if (error instanceof AppError && error.code === "unavailable" && isLeft) return toCaller(session);
      if (!(error instanceof AppError) || error.code === "unavailable") throw error;
      this.end(c);
      return undefined;
    }
  }

  #shared(refreshToken: string): Promise<SignedIn> {
    const known = this.#refreshes.get(refreshToken);
    if (known !== undefined) return known;
    const forget = () => this.#refreshes.delete(refreshToken);
    const refresh = this.#options.provider.refresh(refreshToken);
    this.#refreshes.set(refreshToken, refresh);
    refresh.then(() => setTimeout(forget, SHARED_MS).unref(), forget);
    return refresh;
  }

  /** A session whose refresh token makes it too long goes without: it ends sooner. */
  async #write(c: Context, session: Session): Promise<void> {
    const { refresh, ...bare } = session;
    for (const content of refresh === undefined ? [bare] : [session, bare]) {
      const end = "refresh" in content ? session.until : Math.min(session.until, session.ends);
      const expires = new Date(end * 1_000);
      if (this.#cookie(c).write(c, await this.#options.sealer.seal("session", content, expires), expires)) return;
    }
    throw new AppError("forbidden", "The login lists more tenants than a session can hold");
  }

  #cookie(c: Context): Cookie {
    return new Cookie("aetherlink", this.#isSecure(c));
  }

  #loginCookie(c: Context, state: string): Cookie {
    return new Cookie(`aetherlink-login-${state.replace(/[^\w-]/g, "").slice(0, 12)}`, this.#isSecure(c));
  }

  #isSecure(c: Context): boolean {
    return this.origin(c).startsWith("https:");
  }
}

function toSession({ subject, expiresAt, refreshToken }: SignedIn, until: number): Session {
  const { principal, name, tenants, roles } = subject;
  const base = {
    sub: principal,
    name,
    tenants: [...tenants],
    roles: [...roles],
    ends: Math.min(expiresAt, until),
    until,
  };
  return refreshToken === undefined ? base : { ...base, refresh: refreshToken };
}

function toCaller(session: Session): Caller {
  return {
    principal: session.sub,
    name: session.name,
    tenants: session.tenants,
    roles: new Set(session.roles),
    expiresAt: new Date(session.ends * 1_000),
    by: "cookie",
  };
}
