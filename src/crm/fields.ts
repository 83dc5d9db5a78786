import { z } from "zod";

/** A string that PostgreSQL can store: no NUL and no half of a surrogate pair. */
export function storable(text: string): boolean {
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
    .refine(storable, "must not contain NUL or half of a surrogate pair")
    .meta({ minLength: 1, maxLength: max, pattern: "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$" });
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(", ")}` });
}

/** The id of another entity, or null for none. */
export function reference(what: string) {
  return z.guid({ error: `must be the id of ${what}, a UUID, or null` }).nullable();
}

const EMAIL_RULE = "must be an e-mail address of at most 254 characters, or null";
/** An e-mail address, kept as it was sent; it is looked up whatever its case. */
export function email() {
  return z.email({ error: EMAIL_RULE }).max(254, EMAIL_RULE);
}

const PHONE_RULE = "must be a telephone number of 3 to 32 digits, spaces and + ( ) - . / signs, or null";
/** A telephone number as people write it. */
export function phone() {
  return z.string({ error: PHONE_RULE }).regex(/^(?=.*\d)[+(]?\d[\d ()./-]{2,30}$/, PHONE_RULE);
}

const WEBSITE_RULE = "must be an address that begins with http:// or https://, of at most 2048 characters, or null";
/** The address of a web site. */
export function website() {
  return z
    .url({ protocol: /^https?$/, error: WEBSITE_RULE })
    .max(2_048, WEBSITE_RULE)
    .refine(storable, WEBSITE_RULE);
}

/** The rule of a time. */
export const TIME_RULE = "must be a time by RFC 3339 such as 2027-03-01T09:00:00Z, from 1970 to 2999";
/** The years are those of the text; in UTC it may be a day earlier or later. */
const TIMES = { from: Date.UTC(1969, 11, 31), to: Date.UTC(3000, 0, 2) };

/** A time by RFC 3339 with its offset; it is kept in UTC with milliseconds. */
export function time(rule = `${TIME_RULE}, or null`) {
  return z.iso
    .datetime({ offset: true, error: rule })
    .refine((value) => Date.parse(value) >= TIMES.from && Date.parse(value) < TIMES.to, rule)
    .transform((value) => new Date(value).toISOString());
}

/** The body of a request: an object in which no other field may stand. */
export function body<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "must be a JSON object" : undefined),
  });
}
