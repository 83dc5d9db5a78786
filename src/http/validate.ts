import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler, ValidationTargets } from "hono";
import { z } from "zod";
import { AppError, type Fault } from "../errors.ts";
import { pointer } from "./pointer.ts";

/**
 * Validates one part of a request by a zod schema; the handler reads the result with `c.req.valid(target)`.
 * Answers with all faults at once: 422 for a body, 400 for parameters.
 */
export function validate<T extends z.ZodType, Target extends keyof ValidationTargets>(target: Target, schema: T) {
  return zValidator(target, schema, (result, c) => {
    const unkept = target === "json" ? (c.get("unkept") ?? []) : [];
    if (result.success && unkept.length === 0) return;
    const issues = result.success
      ? []
      : result.error.issues.flatMap((issue) => toFaults(issue, target === "json", schema));
    const faults = [...unkept, ...issues.filter((issue, i) => !isTold(issue, unkept, issues.slice(0, i)))];
    const where = faults.map((fault) => `${fault.pointer ?? fault.parameter} ${fault.detail}`).join("; ");
    throw new AppError(target === "json" ? "invalid-field" : "malformed-request", where, { faults });
  });
}

/** Refuses any query parameter: what a caller believes to ask for is not passed over in silence. */
export const noParameters: MiddlewareHandler = async (c, next) => {
  const faults = Object.keys(c.req.query()).map((parameter) => ({ parameter, detail: NO_PARAMETER }));
  if (faults.length > 0) {
    const where = faults.map((fault) => `${fault.parameter} ${fault.detail}`).join("; ");
    throw new AppError("malformed-request", where, { faults });
  }
  await next();
};
const NO_PARAMETER = "is not a known parameter: there is none here";

/** What the text has wrong with it is told alone for its place and those around it, and no rule twice. */
function isTold(issue: Fault, unkept: readonly Fault[], before: readonly Fault[]): boolean {
  const isSamePlace = (fault: Fault) => fault.pointer === issue.pointer && fault.parameter === issue.parameter;
  const isInside = (fault: Fault) => issue.pointer !== "#" && fault.pointer?.startsWith(`${issue.pointer}/`) === true;
  return (
    unkept.some((fault) => isSamePlace(fault) || isInside(fault)) ||
    before.some((fault) => isSamePlace(fault) && fault.detail === issue.detail)
  );
}

function toFaults(issue: z.core.$ZodIssue, inBody: boolean, schema: z.ZodType): Fault[] {
  const at = (path: readonly PropertyKey[], detail: string): Fault =>
    inBody ? { pointer: pointer(path), detail } : { parameter: path.map(String).join("."), detail };
  if (issue.code === "unrecognized_keys") {
    const allowed = namesAt(schema, issue.path).join(", ");
    const detail = `is not a known ${inBody ? "field" : "parameter"}; known are ${allowed}`;
    return issue.keys.map((key) => at([...issue.path, key], detail));
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
