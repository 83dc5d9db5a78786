import { z } from "zod";
import type { Sql } from "../db/pool.ts";
import { type AuditEntry, selectAudit } from "./audit.ts";
import { RESULTS } from "./decide.ts";

const ONCE = "must be given once";
const LIMIT_RULE = "must be a whole number from 1 to 200";
const CURSOR_RULE = "must be the `next` of an earlier page of this list";
const ALL_RESULTS = ["execute", ...RESULTS] as const;

/** Parameters of `GET /autoheal/audit`. */
export const auditListSchema = z
  .strictObject({
    limit: z
      .string(ONCE)
      .regex(/^\d{1,3}$/, LIMIT_RULE)
      .transform(Number)
      .refine((n) => n >= 1 && n <= 200, LIMIT_RULE)
      .default(50),
    cursor: z.string(ONCE).max(500, CURSOR_RULE).optional(),
    action: z
      .string(ONCE)
      .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be the name of an action")
      .optional(),
    result: z
      .string(ONCE)
      .pipe(z.enum(ALL_RESULTS, { error: `must be one of ${ALL_RESULTS.join(", ")}` }))
      .optional(),
    decision: z.string(ONCE).pipe(z.guid("must be the id of a decision")).optional(),
  })
  .transform(({ cursor, ...query }, context) => {
    const { limit: _, ...filters } = query;
    const fingerprint = print(filters);
    const before = cursor === undefined ? undefined : readCursor(cursor, fingerprint);
    if (before instanceof Error) {
      context.addIssue({ code: "custom", path: ["cursor"], message: before.message });
      return z.NEVER;
    }
    return { ...query, fingerprint, before };
  });
/** A page of the audit as it was asked for. */
export type AuditList = z.output<typeof auditListSchema>;

/** A page of the audit, newest first. */
export interface AuditPage {
  readonly data: readonly AuditEntry[];
  /** `cursor` of the next page, or null at the end. */
  readonly next: string | null;
}

/** One page, as the lists of the CRM have it: an opaque cursor that belongs to its filters. */
export async function listAudit(sql: Sql, { fingerprint, limit, ...query }: AuditList): Promise<AuditPage> {
  const rows = await selectAudit(sql, { ...query, limit: limit + 1 });
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, next: rows.length > limit && last !== undefined ? writeCursor(fingerprint, last.id) : null };
}

function print(filters: Record<string, unknown>): string {
  const text = JSON.stringify(Object.entries(filters).toSorted());
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url").slice(0, 12);
}

function writeCursor(fingerprint: string, id: string): string {
  return Buffer.from(JSON.stringify([fingerprint, id])).toString("base64url");
}

const cursorSchema = z.tuple([z.string(), z.string().regex(/^\d{1,18}$/)]);

function readCursor(cursor: string, fingerprint: string): string | Error {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return new Error(CURSOR_RULE);
  }
  const parsed = cursorSchema.safeParse(decoded);
  if (!parsed.success) return new Error(CURSOR_RULE);
  const [print, id] = parsed.data;
  return print === fingerprint ? id : new Error("belongs to a list with other filters: begin that one anew");
}
