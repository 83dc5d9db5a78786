import { z } from "zod";

/** Kinds of values that environment variables have: `config.ts` says which variable has which. */

/** Names and addresses that only this machine reaches. */
export const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/** A whole number, as text; its error says the range. */
export function integer(min: number, max: number, fallback: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule)
    .default(fallback);
}

/** Options of an enum whose error lists what is allowed. */
export const allowed = (values: readonly string[]) => ({ error: `must be one of ${values.join(", ")}` });

/** Name of a claim of a token. */
export function claimName(fallback: string) {
  return z.string().max(200, "must be at most 200 characters").default(fallback);
}

/** True for a URL with http or https. */
export function isHttp(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}

/** Keys that came by http could be anyone's. */
export function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !isHttp(text) || url.search !== "" || url.hash !== "" || url.username !== "") return false;
  return url.protocol === "https:" || LOOPBACK.has(url.hostname.replace(/^\[|\]$/g, ""));
}

/** `{"linger.ms": 5}` as librdkafka's properties. */
export function parseProperties(text: string, context: z.RefinementCtx): Record<string, string | number | boolean> {
  const rule = 'must be a JSON object of librdkafka properties, such as {"linger.ms": 5}';
  try {
    const parsed = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // Answered below, like JSON that is no such object.
  }
  context.addIssue({ code: "custom", message: rule });
  return {};
}

/** True for an origin as browsers write it, such as `https://app.example.com`. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

/** A URL of a PostgreSQL with a host. Its errors say nothing of what it is: it has a password. */
export function postgresUrl() {
  return z.string().superRefine((text, context) => {
    const message = faultOfPostgresUrl(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

function faultOfPostgresUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "")
    return "must be a URL like postgres://user:password@host:5432/database";
  try {
    // As the driver does, which would throw where nobody expects it.
    decodeURIComponent(text);
    return undefined;
  } catch {
    return "must have every % followed by two hex digits, and what they stand for must be UTF-8: %C3%BC for ü, %25 for % itself";
  }
}
