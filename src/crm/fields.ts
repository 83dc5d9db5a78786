import { z } from "zod";

/** A string that PostgreSQL can store: no NUL and no half of a surrogate pair. */
function storable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/**
 * Text of 1 to `max` characters (Unicode code points, as PostgreSQL counts), not blank.
 * The messages are those of the problem's `errors`.
 */
export function text(max: number) {
  const rule = `must be text of 1 to ${max} characters`;
  return z
    .string({ error: (issue) => (issue.input === undefined ? `is missing: it ${rule}` : rule) })
    .refine((value) => value.trim() !== "", rule)
    .refine((value) => value.length <= max || [...value].length <= max, rule)
    .refine(storable, "must not contain NUL or half of a surrogate pair");
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(", ")}` });
}

/** The body of a request: an object in which no other field may stand. */
export function body<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined),
  });
}
