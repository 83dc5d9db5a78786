/**
 * A page of a long list costs the same wherever it stands: told by the blocks that the database reads, which no other work
 * on the machine changes. LIST_ROWS=1000000 has the tenant be as large as the issue says; times are those of bench/lists.ts.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { crmDependencies } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import type { CrmDependencies } from "./context.ts";
import { type Job, jobListSchema, listJobs } from "./jobs.ts";

const ROWS = Number(process.env.LIST_ROWS ?? 20_000);
const TENANT = "cccccccc-0000-4000-8000-000000000001";
const LIMIT = 50;
/** Milliseconds: a million rows are made in half a minute. */
const SEEDING_MS = 300_000;

let db: TestDatabase;
let deps: CrmDependencies;
beforeAll(async () => {
  db = await testDatabase();
  ({ deps } = crmDependencies(db.sql));
  await db.sql`
    insert into jobs (tenant_id, id, title, status, created_at, updated_at, scheduled_at, tags)
    select ${TENANT}, gen_random_uuid(), 'Job ' || (i * 7919 % 1000003), (array['Open', 'Completed'])[1 + i % 2],
      '2026-01-01'::timestamptz + i * interval '1 second',
      '2026-01-01'::timestamptz + (i * 7919 % 1000003) * interval '1 second',
      '2026-01-01'::timestamptz + (i * 104729 % 1000003) * interval '1 second',
      case when i % 10 = 0 then array['vip'] else '{}' end
    from generate_series(1::bigint, ${ROWS}) i`;
  await db.sql.unsafe("vacuum analyze jobs");
}, SEEDING_MS);
afterAll(() => db.drop());

type Parameters = Record<string, string>;

/** Blocks that a page reads, of tables and indexes, from memory or disk. */
async function blocksOf(parameters: Parameters): Promise<number> {
  const { query } = jobListSchema.parse(parameters);
  const session = await db.sql.reserve();
  const page = () => session`
    explain (analyze, buffers, timing off, format json)
    select count(body) from list_jobs(${TENANT}::uuid, ${JSON.stringify(query)}::text::jsonb)`;
  // The first time on a connection it reads the catalogue as well.
  await page();
  const [row] = await page().finally(() => session.release());
  const plan = (row?.["QUERY PLAN"] as { Plan: Record<string, number> }[] | undefined)?.[0]?.Plan;
  return (plan?.["Shared Hit Blocks"] ?? 0) + (plan?.["Shared Read Blocks"] ?? 0);
}

/** The cursor behind a share of the list: that of a real page, with the place of another row in it. */
async function cursorAt(parameters: Parameters, column: string, share: number): Promise<string> {
  const first = await listJobs(deps, TENANT, jobListSchema.parse({ ...parameters, limit: "1" }));
  const [print] = JSON.parse(Buffer.from(first.next ?? "", "base64url").toString()) as [string];
  const { query } = jobListSchema.parse(parameters);
  const shown = column === "title" ? "title" : `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const [row] = await db.sql.unsafe<{ key: string; id: string }[]>(`
    select ${shown} as key, id from jobs where tenant_id = '${TENANT}'
    order by ${column} ${query.descending === true ? "desc" : "asc"}, id offset ${Math.floor(ROWS * share)} limit 1`);
  return Buffer.from(JSON.stringify([print, row?.key, row?.id, false])).toString("base64url");
}

test.each([
  ["-createdAt", "created_at"],
  ["createdAt", "created_at"],
  ["updatedAt", "updated_at"],
  ["-title", "title"],
  ["scheduledAt", "scheduled_key"],
])(`of ${ROWS} jobs sorted by %s the last page reads as few blocks as the first`, async (sort, column) => {
  const parameters = { sort, limit: String(LIMIT) };
  const first = await blocksOf(parameters);
  const [middle, last] = await Promise.all(
    [0.5, 1 - (2 * LIMIT) / ROWS].map(async (share) => {
      const cursor = await cursorAt(parameters, column, share);
      const page = await listJobs(deps, TENANT, jobListSchema.parse({ ...parameters, cursor }));
      expect((JSON.parse(page.body) as { data: Job[] }).data).toHaveLength(LIMIT);
      return await blocksOf({ ...parameters, cursor });
    }),
  );
  // A block of the table for each row at most, and the way down an index.
  for (const blocks of [first, middle, last]) expect(blocks).toBeWithin(1, LIMIT + 20);
});
