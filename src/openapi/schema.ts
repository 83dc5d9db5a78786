import { z } from "zod";

/** A JSON Schema, or another part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** The JSON Schema of what a caller may send, from the very schema that checks it. Rules in code beyond it have no place there. */
export function requestSchema(schema: z.ZodType): Json {
  const { $schema: _, $defs: __, ...made } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", override });
  return made;
}

/** Times that are taken, see `src/crm/fields.ts`. */
const YEARS = "^(19[7-9][0-9]|2[0-9]{3})-";
const TIME =
  "With an offset; of the years 1970 to 2999 as it is written. Kept and shown in UTC with milliseconds, where it may be of the day before or after; that is taken again as well.";

/** What a field is shown as: as it may be sent, without what is put in place when it is missing. */
export function shownProperties(schema: z.ZodObject): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([name, field]) => {
      const { default: _, ...shown } = requestSchema(unwrapDefault(field));
      // A time of the last hours of a year may be of the next in UTC, in which it is shown.
      return [
        name,
        JSON.parse(JSON.stringify(shown), (key, value) => (key === "pattern" && value === YEARS ? undefined : value)),
      ];
    }),
  );
}

/** The JSON Schema of a query parameter: that of its text. */
export function parameterSchema(field: unknown): Json {
  if (field instanceof z.ZodOptional) return parameterSchema(field.unwrap());
  if (field instanceof z.ZodDefault) {
    return { ...parameterSchema(field.unwrap()), default: field.def.defaultValue };
  }
  if (field instanceof z.ZodPipe) return parameterSchema(field.out instanceof z.ZodTransform ? field.in : field.out);
  const schema = field instanceof z.ZodType ? requestSchema(field) : {};
  return schema.type === "string" ? { pattern: "^[^\\u0000]*$", ...schema } : schema;
}

/** The fields of a schema that may have a transformation behind it. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodType) return shapeOf(schema.in);
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function unwrapDefault(field: unknown): z.ZodType {
  if (field instanceof z.ZodDefault) return unwrapDefault(field.unwrap());
  if (field instanceof z.ZodType) return field;
  throw new TypeError("a field of an object is a schema");
}

/** Any JSON is a schema of its own in zod, which refers to itself by a place in this schema; the document has one for all. */
function override({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (typeof jsonSchema.additionalProperties === "object" && jsonSchema.propertyNames !== undefined) {
    jsonSchema.additionalProperties = { $ref: "#/components/schemas/Json" };
    jsonSchema.propertyNames = { pattern: "^(?!__proto__$)[^\\u0000]*$" };
  }
  // The format says it; the pattern is long and checks the days of months.
  if (jsonSchema.format === "uuid") delete jsonSchema.pattern;
  if (jsonSchema.format === "date-time") {
    jsonSchema.pattern = YEARS;
    jsonSchema.description = TIME;
  }
  // What others call an e-mail address is less than what we take; our pattern stays.
  if (jsonSchema.format === "email") delete jsonSchema.format;
}
