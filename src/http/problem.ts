import type { AppError, ErrorCode } from "../errors.ts";

/** Status and title of each code; the type is `urn:aetherlink:problem:<code>`. */
export const PROBLEMS: Readonly<Record<ErrorCode, readonly [status: number, title: string]>> = {
  "malformed-request": [400, "The request is malformed"],
  unauthenticated: [401, "Who calls is not known"],
  forbidden: [403, "The caller may not do this"],
  "invalid-field": [422, "A field is not valid"],
  "unsupported-media-type": [415, "The content type is not supported"],
  "body-too-large": [413, "The body is too large"],
  "body-too-slow": [408, "The body took too long"],
  "path-too-long": [414, "The path is too long"],
  "too-many-requests": [429, "Too many requests"],
  "not-found": [404, "Not found"],
  "method-not-allowed": [405, "The method is not allowed here"],
  "in-use": [409, "Something still refers to it"],
  "precondition-failed": [412, "The entity has changed since"],
  "precondition-required": [428, "If-Match is required"],
  "idempotency-key-busy": [409, "A request with this Idempotency-Key is under way"],
  "idempotency-key-reused": [422, "The Idempotency-Key was used for another request"],
  unavailable: [503, "The service is not available right now"],
  internal: [500, "Internal error"],
};

/** Media type of RFC 9457. */
export const PROBLEM_JSON = "application/problem+json";

/** Status that an error is answered with. */
export function statusOf(error: AppError): number {
  return PROBLEMS[error.code][0];
}

/**
 * The response for an error: problem details by RFC 9457, with `errors` naming each fault by JSON pointer, header or parameter.
 * @param instance path of the request
 */
export function problemResponse(error: AppError, instance: string, requestId: string): Response {
  const [status, title] = PROBLEMS[error.code];
  const body = {
    type: `urn:aetherlink:problem:${error.code}`,
    title,
    status,
    detail: error.detail,
    instance,
    requestId,
    ...(error.faults.length > 0 ? { errors: error.faults } : {}),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": PROBLEM_JSON, "Cache-Control": "no-store", ...error.headers },
  });
}
