import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";

/** Characters in one cookie; browsers take 4,096 bytes with name and attributes. */
const PIECE = 3_500;
/** Pieces at most: servers and proxies refuse requests with more than some 16 KB of headers. */
const MAX_PIECES = 3;

/** What a request is to set, by name. Set at its end: a problem, like any response that a handler made itself, has no other headers than its own. */
const PENDING = "pendingCookies";
type Pending = Map<string, () => void>;

/** Stands before whatever writes a cookie, and sends it with every response: one with a problem too. */
export function sendCookies() {
  return createMiddleware<{ Variables: { [PENDING]: Pending } }>(async (c, next) => {
    const pending: Pending = new Map();
    c.set(PENDING, pending);
    await next();
    for (const send of pending.values()) send();
  });
}

function later(c: Context<{ Variables: { [PENDING]: Pending } }>): Pending {
  return c.get(PENDING);
}

/** Writes, reads and clears one value as a cookie that only we can read, in pieces where it is long. */
export class Cookie {
  /**
   * @param name of the first piece
   * @param secure true when the pages are loaded by https: then the name's prefix has browsers refuse one that another
   *   host of the domain has set (https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix)
   */
  constructor(
    private readonly name: string,
    private readonly secure: boolean,
  ) {}

  /** The value; undefined when there is none, or pieces of it are missing. */
  read(c: Context): string | undefined {
    const pieces = [...this.#names()].map((name) => getCookie(c, name));
    const count = pieces.indexOf(undefined);
    return count === 0 ? undefined : pieces.slice(0, count === -1 ? undefined : count).join("");
  }

  /** Sets it; false when it is too long. */
  write(c: Context, value: string, expires: Date): boolean {
    if (value.length > PIECE * MAX_PIECES) return false;
    let at = 0;
    for (const name of this.#names()) {
      const piece = value.slice(at, at + PIECE);
      if (piece !== "") later(c).set(name, () => setCookie(c, name, piece, { ...this.#attributes(), expires }));
      else this.#clear(c, name);
      at += PIECE;
    }
    return true;
  }

  clear(c: Context): void {
    for (const name of this.#names()) this.#clear(c, name);
  }

  #clear(c: Context, name: string): void {
    if (getCookie(c, name) === undefined) later(c).delete(name);
    else later(c).set(name, () => deleteCookie(c, name, this.#attributes()));
  }

  *#names(): Generator<string> {
    const prefix = this.secure ? "__Host-" : "";
    for (let at = 0; at < MAX_PIECES; at += 1) yield `${prefix}${this.name}${at === 0 ? "" : `.${at}`}`;
  }

  #attributes() {
    return { path: "/", httpOnly: true, secure: this.secure, sameSite: "Lax" } as const;
  }
}
