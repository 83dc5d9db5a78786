import { zValidator } from "@hono/zod-validator";
import type { ValidationTargets } from "hono";
import { z } from "zod";
import { AppError, type Fault } from "../errors.ts";

/**
 * Validates one part of a request by a zod schema; the handler reads the result with `c.req.valid(target)`.
 * Answers with all faults at once: 422 for a body, 400 for parameters.
 */
export function validate<T extends z.ZodType, Target extends keyof ValidationTargets>(target: Target, schema: T) {
  return zValidator(target, schema, (result) => {
    if (result.success) return;
    const faults = result.error.issues.flatMap((issue) => toFaults(issue, target === "json", schema));
    const where = faults.map((fault) => `${fault.pointer ?? fault.parameter} ${fault.detail}`).join("; ");
    throw new AppError(target === "json" ? "invalid-field" : "malformed-request", where, { faults });
  });
}

/** Refuses any query parameter: what a caller believes to ask for is not passed over in silence. */
export const noParameters = validate("query", z.strictObject({}));

function toFaults(issue: z.core.$ZodIssue, inBody: boolean, schema: z.ZodType): Fault[] {
  const at = (path: readonly PropertyKey[], detail: string): Fault =>
    inBody ? { pointer: pointer(path), detail } : { parameter: path.map(String).join("."), detail };
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, issue.path);
    const what = inBody ? "field" : "parameter";
    const allowed = known.length === 0 ? `: there is no ${what} here` : `; known are ${known.join(", ")}`;
    return issue.keys.map((key) => at([...issue.path, key], `is not a known ${what}${allowed}`));
  }
  return [at(issue.path, issue.message)];
}

/** The names that an object may have at a place of a schema. */
function namesAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  if (schema instanceof z.ZodPipe) return namesAt(schema.in, path);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return namesAt(schema.unwrap(), path);
  }
  const [step, ...rest] = path;
  if (schema instanceof z.ZodArray) return namesAt(schema.element, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  return step === undefined ? Object.keys(schema.shape) : namesAt(schema.shape[String(step)], rest);
}

/** JSON pointer as a URI fragment: https://www.rfc-editor.org/rfc/rfc6901#section-6 */
function pointer(path: readonly PropertyKey[]): string {
  const token = (part: PropertyKey) =>
    encodeURIComponent(String(part).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
  return `#${path.map((part) => `/${token(part)}`).join("")}`;
}
