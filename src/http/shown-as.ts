import type { TypedResponse } from "hono";

/**
 * Says in the type of a response what its JSON is, which the database made as text. The type exists for Hono's client
 * alone; that answers are so is held against the schemas by `test/openapi.test.ts`.
 */
export function shownAs<Body>(response: Response) {
  return response as Response & TypedResponse<Body, 200, "json">;
}
