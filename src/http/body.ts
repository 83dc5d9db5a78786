import { isUtf8 } from "node:buffer";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { within } from "../deadline.ts";
import { AppError } from "../errors.ts";
import type { BodyLimits } from "./env.ts";
import { inspectJson } from "./json-text.ts";

/** What holds where the server was not told otherwise. */
export const BODY_LIMITS: BodyLimits = { maxBytes: 1_048_576, timeoutMs: 8_000 };

const JSON_TYPE = "application/json";
/** Media type of a JSON merge patch (RFC 7396). */
export const MERGE_PATCH = "application/merge-patch+json";
const PARAMETERS = /^\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/**
 * Refuses a body that is not declared as JSON in UTF-8 (415), is too large (413), takes too long (408), is not UTF-8, has a key
 * twice or is nested too deep (400), before anything reads it.
 * @param types media types that are taken beside `application/json`, the one to recommend first
 */
export function jsonBody(...types: string[]): [MiddlewareHandler, ...typeof ANY_BODY, MiddlewareHandler] {
  return [requireType([...types, JSON_TYPE]), ...ANY_BODY, requireJsonText];
}

/** Sets what bodies may be for all routes behind it. */
export function bodyLimits(limits: BodyLimits): MiddlewareHandler {
  return async (c, next) => {
    c.set("bodyLimits", limits);
    await next();
  };
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

const limitBody: MiddlewareHandler = async (c, next) => {
  const { maxBytes } = c.get("bodyLimits") ?? BODY_LIMITS;
  // One that says its length is not touched: to look whether there is a body makes a stream of it, which is slower to read.
  const { headers } = c.req.raw;
  const length = headers.has("transfer-encoding") ? null : headers.get("content-length");
  if (length !== null && Number(length) <= maxBytes) return await next();
  const onError = () => {
    throw new AppError("body-too-large", `The body may have at most ${maxBytes} bytes`, {
      faults: [{ pointer: "#", detail: `is over ${maxBytes} bytes` }],
    });
  };
  return bodyLimit({ maxSize: maxBytes, onError })(c, next);
};

/** Reads the body, which stays with the request. One that trickles would hold its connection for as long as it likes. */
const readInTime: MiddlewareHandler = async (c, next) => {
  const { timeoutMs } = c.get("bodyLimits") ?? BODY_LIMITS;
  if ((await within(timeoutMs, c.req.arrayBuffer())) === "late") {
    throw new AppError("body-too-slow", `The body did not come within ${timeoutMs / 1000} s`, {
      headers: { Connection: "close" },
      faults: [{ pointer: "#", detail: `took over ${timeoutMs / 1000} s` }],
    });
  }
  await next();
};

/** Refuses a body that is too large (413) or takes too long (408), also where nobody looks into it. */
export const ANY_BODY: [MiddlewareHandler, MiddlewareHandler] = [limitBody, readInTime];

const requireJsonText: MiddlewareHandler = async (c, next) => {
  if (!isUtf8(await c.req.arrayBuffer())) {
    throw new AppError("malformed-request", "The body is not valid UTF-8", {
      faults: [{ pointer: "#", detail: "must be UTF-8" }],
    });
  }
  const { malformed, unkept } = inspectJson(await c.req.text());
  if (malformed.length > 0) {
    const detail = malformed.map((fault) => `${fault.pointer} ${fault.detail}`).join("; ");
    throw new AppError("malformed-request", detail, { faults: malformed });
  }
  if (unkept.length > 0) c.set("unkept", unkept);
  await next();
};
