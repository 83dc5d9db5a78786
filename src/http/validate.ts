import { zValidator } from "@hono/zod-validator";
import type { ValidationTargets } from "hono";
import type { z } from "zod";
import { AppError, type Fault } from "../errors.ts";

/**
 * Validates one part of a request by a zod schema; the handler reads the result with `c.req.valid(target)`.
 * Answers with all faults at once: 422 for a body, 400 for parameters.
 */
export function validate<T extends z.ZodType, Target extends keyof ValidationTargets>(target: Target, schema: T) {
  return zValidator(target, schema, (result) => {
    if (result.success) return;
    const faults = result.error.issues.flatMap((issue) => toFaults(issue, target === "json"));
    const where = faults.map((fault) => `${fault.pointer ?? fault.parameter} ${fault.detail}`).join("; ");
    throw new AppError(target === "json" ? "invalid-field" : "malformed-request", where, { faults });
  });
}

function toFaults(issue: z.core.$ZodIssue, inBody: boolean): Fault[] {
  const at = (path: readonly PropertyKey[], detail: string): Fault =>
    inBody ? { pointer: pointer(path), detail } : { parameter: path.map(String).join("."), detail };
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      at([...issue.path, key], inBody ? "is not a known field" : "is not a known parameter"),
    );
  }
  return [at(issue.path, issue.message)];
}

/** JSON pointer as a URI fragment: https://www.rfc-editor.org/rfc/rfc6901#section-6 */
function pointer(path: readonly PropertyKey[]): string {
  const token = (part: PropertyKey) =>
    encodeURIComponent(String(part).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
  return `#${path.map((part) => `/${token(part)}`).join("")}`;
}
