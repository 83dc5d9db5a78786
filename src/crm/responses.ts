import type { Context } from "hono";
import { headerError } from "../errors.ts";
import type { TenantEnv } from "../http/env.ts";
import { shownAs } from "../http/shown-as.ts";
import type { ShownEntity } from "./context.ts";
import type { Page } from "./lists.ts";
import { ETAG_LIST } from "./requests.ts";

/** It is one tenant's, so no shared cache may keep it, and others ask again whether it has changed. */
const CACHE_HEADERS = { "Cache-Control": "private, no-cache", Vary: "X-Tenant-Id, Authorization, Cookie, Origin" };

/** An entity with its ETag, or 304 when the caller has this version (If-None-Match, RFC 9110 section 13.1.2). */
export function entityResponse<Entity>(c: Context<TenantEnv>, { version, body }: ShownEntity) {
  const headers = { ...CACHE_HEADERS, ETag: `"v${version}"` };
  return shownAs<Entity>(
    isKnown(c.req.header("if-none-match"), version)
      ? new Response(null, { status: 304, headers })
      : new Response(body, { headers: { ...headers, "Content-Type": "application/json" } }),
  );
}

/** A page, with a Link to the next one that keeps all other parameters. */
export function pageResponse<Row>(c: Context<TenantEnv>, { body, next }: Page) {
  if (next !== null) {
    const parameters = new URL(c.req.url).searchParams;
    parameters.set("cursor", next);
    c.header("Link", `<${c.req.path}?${parameters}>; rel="next"`);
  }
  const response = c.body(body, 200, { ...CACHE_HEADERS, "Content-Type": "application/json" });
  return shownAs<{ data: Row[]; next: string | null }>(response);
}

/** The comparison is the weak one here: W/"v3" is "v3". */
function isKnown(header: string | undefined, version: number): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  if (!ETAG_LIST.test(header)) throw headerError("If-None-Match", 'must be *, or ETags in quotes such as "v3"');
  return header.includes(`"v${version}"`);
}
