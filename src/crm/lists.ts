import { z } from "zod";
import type { CrmDependencies } from "./context.ts";
import { storable, TIME_RULE, time } from "./fields.ts";

/** What a list may be sorted by, each as it is (ascending) and with a minus before it (descending). */
export type SortNames = readonly ["createdAt", "updatedAt", ...string[]];

/** A list as it was asked for, ready for its SQL function, see `sql/functions/list_page.sql`. */
export interface ListQuery {
  readonly limit: number;
  /** Sort, filters, search and where the page before ended. */
  readonly query: Readonly<Record<string, z.core.util.JSONType>>;
  /** Stands in the cursor: one of another list is refused. */
  readonly fingerprint: string;
}

/** A row of a page; one without body says only that the list goes on behind it. */
export interface ListRow {
  readonly sort_key: string;
  readonly id: string;
  readonly body: string | null;
}

/** A page as JSON text, and the cursor of the next one. */
export interface Page {
  readonly body: string;
  readonly next: string | null;
}

/** A query parameter that is given once at most, as text that the database can compare with. */
export function parameter() {
  return z.string({ error: "must be given once" }).refine(storable, "must not contain NUL or half of a surrogate pair");
}

const LIMIT_RULE = "must be a whole number from 1 to 200";
/** Rows on a page. */
export const limitParameter = parameter()
  .regex(/^\d{1,3}$/, LIMIT_RULE)
  .transform(Number)
  .refine((n) => n >= 1 && n <= 200, LIMIT_RULE)
  .default(50);

const CURSOR_RULE = "must be the `next` of an earlier page of this list";
const SEARCH_RULE = "must have three letters or digits in a row somewhere, and at most 100 characters";

/** An end of a range: `From` is in it, `To` is not. */
export const moment = () => parameter().pipe(time(TIME_RULE)).optional();

/** The id of another entity, as a filter. */
export function idFilter() {
  return parameter()
    .pipe(z.guid({ error: "must be a UUID" }))
    .optional();
}

/** Text that a field must be equal to. */
export function textFilter(max: number) {
  const rule = `must be text of 1 to ${max} characters`;
  return parameter().min(1, rule).max(max, rule).optional();
}

/** A parameter that is one of a few words. */
export function choiceParameter<const T extends readonly [string, ...string[]]>(values: T) {
  return parameter().pipe(z.enum(values, { error: `must be one of ${values.join(", ")}` }));
}

/**
 * Parameters of a list: `limit`, `cursor`, `sort`, `q`, ranges of creation and change, and the filters of the entity.
 * @param entity stands in the cursor's fingerprint
 * @param sorts what it may be sorted by
 */
export function listSchema<T extends z.ZodRawShape>(entity: string, sorts: SortNames, filters: T) {
  const choices = sorts.flatMap((name) => [name, `-${name}`]);
  const shape = {
    limit: limitParameter,
    cursor: parameter().max(2_000, CURSOR_RULE).optional(),
    sort: choiceParameter(["-createdAt", ...choices.filter((name) => name !== "-createdAt")]).default("-createdAt"),
    q: parameter()
      .max(100, SEARCH_RULE)
      .regex(/[\p{L}\p{N}]{3}/u, SEARCH_RULE)
      .meta({ pattern: "^[^\\u0000]*[\\p{L}\\p{N}]{3}[^\\u0000]*$" })
      .optional(),
    createdFrom: moment(),
    createdTo: moment(),
    updatedFrom: moment(),
    updatedTo: moment(),
  };
  return z
    .strictObject({ ...shape, ...filters })
    .transform((given, context) => toListQuery(entity, z.record(z.string(), z.json()).parse(given), context));
}

function toListQuery(entity: string, given: Record<string, z.core.util.JSONType>, context: z.RefinementCtx): ListQuery {
  const { limit, cursor, sort, q, ...filters } = z
    .looseObject({ limit: z.number(), cursor: z.string().optional(), sort: z.string(), q: z.string().optional() })
    .parse(given);
  const name = sort.replace(/^-/, "");
  const fingerprint = print([entity, sort, q ?? null, Object.entries(filters).toSorted()]);
  const after = cursor === undefined ? undefined : readCursor(cursor, fingerprint, name);
  if (typeof after === "string") context.addIssue({ code: "custom", path: ["cursor"], message: after });
  const asked = z.record(z.string(), z.json()).parse(filters);
  return {
    limit,
    fingerprint,
    query: {
      ...asked,
      limit,
      sort: name,
      descending: sort.startsWith("-"),
      ...(q === undefined ? {} : { like: patterns(q) }),
      ...(typeof after === "object" ? { after } : {}),
    },
  };
}

/** Each word of a search has to occur somewhere, whatever its case: patterns for ILIKE. */
function patterns(q: string): string[] {
  const words = q.split(/\s+/u).filter((word) => word !== "");
  return words.map((word) => `%${word.replaceAll(/[\\%_]/g, "\\$&")}%`);
}

function print(value: unknown): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, 12);
}

/** Fingerprint of the list, sort key and id of the last row, and what is known of the search: base64url of JSON. Opaque to callers. */
function writeCursor(fingerprint: string, row: ListRow): string {
  const isDense = row.body === null;
  return Buffer.from(JSON.stringify([fingerprint, row.sort_key, row.id, isDense])).toString("base64url");
}

const timeKey = z.iso.datetime({ precision: 6 }).or(z.literal("infinity"));
const cursorSchema = z.tuple([z.string(), z.string().max(500).refine(storable), z.guid(), z.boolean()]);

/** Where a page ended. */
type Position = { key: string; id: string; dense: boolean };

/** @returns where the page before ended, or what is wrong with the cursor */
function readCursor(cursor: string, fingerprint: string, sort: string): Position | string {
  const decoded = cursorSchema.safeParse(parseJson(Buffer.from(cursor, "base64url").toString()));
  if (!decoded.success) return CURSOR_RULE;
  const [print, key, id, dense] = decoded.data;
  if (print !== fingerprint) return "belongs to a list with another sort, filter or search: begin that one anew";
  return sort.endsWith("At") && !timeKey.safeParse(key).success ? CURSOR_RULE : { key, id, dense };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Makes the page of the rows that a list function gave: one more than `limit` when there are more. A page of a search may
 * have fewer than `limit` and a next one all the same.
 * @param rows reads them, given the list's query as JSON text
 */
export async function readPage(
  deps: CrmDependencies,
  list: ListQuery,
  rows: (sql: CrmDependencies["sql"], query: string) => Promise<readonly ListRow[]>,
): Promise<Page> {
  const found = await rows(deps.sql, JSON.stringify(list.query));
  const shown = found.filter((row) => row.body !== null).slice(0, list.limit);
  const end = found.length > list.limit ? shown.at(-1) : found.find((row) => row.body === null);
  const next = end === undefined ? null : writeCursor(list.fingerprint, end);
  return { body: `{"data":[${shown.map((row) => row.body).join(",")}],"next":${JSON.stringify(next)}}`, next };
}
