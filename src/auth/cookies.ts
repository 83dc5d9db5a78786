import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Characters in one cookie; browsers take 4,096 bytes with name and attributes. */
const PIECE = 3_500;
/** Pieces at most: servers and proxies refuse requests with more than some 16 KB of headers. */
const MAX_PIECES = 3;

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
      if (piece !== "") setCookie(c, name, piece, { ...this.#attributes(), expires });
      else if (getCookie(c, name) !== undefined) deleteCookie(c, name, this.#attributes());
      at += PIECE;
    }
    return true;
  }

  clear(c: Context): void {
    for (const name of this.#names()) if (getCookie(c, name) !== undefined) deleteCookie(c, name, this.#attributes());
  }

  *#names(): Generator<string> {
    const prefix = this.secure ? "__Host-" : "";
    for (let at = 0; at < MAX_PIECES; at += 1) yield `${prefix}${this.name}${at === 0 ? "" : `.${at}`}`;
  }

  #attributes() {
    return { path: "/", httpOnly: true, secure: this.secure, sameSite: "Lax" } as const;
  }
}
