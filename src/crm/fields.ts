import { z } from "zod";

/** A string that PostgreSQL can store: no NUL and no half of a surrogate pair. */
function storable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** The error of a value of the wrong type: missing, or not as the rule says. */
const expected = (rule: string) => ({
  error: (issue: { input?: unknown }) => (issue.input === undefined ? `is missing: it ${rule}` : rule),
});

/**
 * Text of 1 to `max` characters (Unicode code points, as PostgreSQL counts), not blank.
 * The messages are those of the problem's `errors`.
 */
export function text(max: number) {
  const rule = `must be text of 1 to ${max} characters`;
  return z
    .string(expected(rule))
    .refine((value) => value.trim() !== "", rule)
    .refine((value) => value.length <= max || [...value].length <= max, rule)
    .refine(storable, "must not contain NUL or half of a surrogate pair");
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(", ")}` });
}

/** The id of another entity, or null for none. */
export function reference(what: string) {
  return z.guid({ error: `must be the id of ${what}, a UUID, or null` }).nullable();
}

const TIME_RULE = "must be a time by RFC 3339 such as 2027-03-01T09:00:00Z, from 1970 to 2999, or null";
const TIMES = { from: Date.UTC(1970, 0, 1), to: Date.UTC(3000, 0, 1) };

/** A time by RFC 3339 with its offset; it is kept in UTC with milliseconds. */
export function time() {
  return z.iso
    .datetime({ offset: true, error: TIME_RULE })
    .refine((value) => Date.parse(value) >= TIMES.from && Date.parse(value) < TIMES.to, TIME_RULE)
    .transform((value) => new Date(value).toISOString());
}

/** The body of a request: an object in which no other field may stand. */
export function body<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined),
  });
}
