import type { Context } from "hono";
import { AppError, headerError } from "../errors.ts";
import type { TenantEnv } from "../http/env.ts";
import { fingerprint, parseKey } from "../idempotency/key.ts";
import { isUuid } from "../uuid.ts";
import type { IfMatch, WriteContext } from "./context.ts";

/** Reads from the request what every write needs beside its body. */
export async function writeContext(c: Context<TenantEnv>): Promise<WriteContext> {
  const { identity, trace } = c.var;
  const key = parseKey(c.req.header("idempotency-key"));
  const ifMatch = parseIfMatch(c.req.header("if-match"));
  const url = new URL(c.req.url);
  const shape = {
    method: c.req.method,
    path: url.pathname,
    query: url.search,
    principal: identity.principal,
    contentType: c.req.header("content-type") ?? "",
  };
  const body = key === undefined ? undefined : new Uint8Array(await c.req.arrayBuffer());
  return {
    tenantId: identity.tenantId,
    method: shape.method,
    path: shape.path,
    requestId: c.var.requestId,
    traceparent: trace.traceparent,
    ifMatch,
    idempotency:
      key === undefined || body === undefined ? undefined : { key, fingerprint: fingerprint({ ...shape, body }) },
  };
}

/** The id in the path. No entity has one that is no UUID, so that is the answer of any other unknown one. */
export function idParameter(c: Context<TenantEnv>, what: string): string {
  const id = c.req.param("id") ?? "";
  if (!isUuid(id)) throw new AppError("not-found", `There is no such ${what}: ids are UUIDs`);
  return id.toLowerCase();
}

/** ETags in quotes, separated by commas. */
export const ETAG_LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/;

/**
 * If-Match by https://www.rfc-editor.org/rfc/rfc9110#name-if-match: our ETags are `"v<version>"`, others match nothing.
 * @throws {AppError} malformed-request
 */
export function parseIfMatch(header: string | undefined): IfMatch {
  if (header === undefined) return undefined;
  if (header.trim() === "*") return "any";
  if (!ETAG_LIST.test(header)) throw headerError("If-Match", 'must be *, or ETags in quotes such as "v3"');
  // The comparison is the strong one: a weak tag (W/) matches nothing.
  return [...header.matchAll(/(?<!W\/)"v([1-9]\d{0,8})"/g)].map((match) => Number(match[1]));
}
