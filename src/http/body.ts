import { isUtf8 } from "node:buffer";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { AppError } from "../errors.ts";

/** Bytes of a request body at most. */
export const MAX_BODY_BYTES = 1_048_576;

const JSON_TYPE = "application/json";
/** Media type of a JSON merge patch (RFC 7396). */
export const MERGE_PATCH = "application/merge-patch+json";
const PARAMETERS = /^\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/**
 * Refuses a body that is not declared as JSON in UTF-8 (415), is over 1 MiB (413) or is not UTF-8 (400), before anything reads it.
 * @param types media types that are taken beside `application/json`, the one to recommend first
 */
export function jsonBody(...types: string[]): [MiddlewareHandler, MiddlewareHandler, MiddlewareHandler] {
  return [requireType([...types, JSON_TYPE]), limitBody, requireUtf8];
}

const requireType =
  (types: string[]): MiddlewareHandler =>
  async (c, next) => {
    const given = c.req.header("content-type") ?? "";
    const isTaken = types.some(
      (type) => given.slice(0, type.length).toLowerCase() === type && PARAMETERS.test(given.slice(type.length)),
    );
    if (!isTaken) {
      throw new AppError("unsupported-media-type", `The body must be JSON: send Content-Type: ${types[0]}`, {
        headers: {
          Accept: types.join(", "),
          ...(types.includes(MERGE_PATCH) ? { "Accept-Patch": types.join(", ") } : {}),
        },
        faults: [{ header: "Content-Type", detail: `must be ${types.join(" or ")}, in UTF-8` }],
      });
    }
    const encoding = c.req.header("content-encoding");
    if (encoding !== undefined && encoding !== "identity") {
      throw new AppError("unsupported-media-type", "The body must not be compressed", {
        headers: { "Accept-Encoding": "identity" },
        faults: [{ header: "Content-Encoding", detail: "must be missing or identity" }],
      });
    }
    await next();
  };

const limitBody: MiddlewareHandler = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new AppError("body-too-large", `The body may have at most ${MAX_BODY_BYTES} bytes`, {
      faults: [{ pointer: "#", detail: `is over ${MAX_BODY_BYTES} bytes` }],
    });
  },
});

const requireUtf8: MiddlewareHandler = async (c, next) => {
  if (!isUtf8(await c.req.arrayBuffer())) {
    throw new AppError("malformed-request", "The body is not valid UTF-8", {
      faults: [{ pointer: "#", detail: "must be UTF-8" }],
    });
  }
  await next();
};
