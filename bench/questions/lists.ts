/**
 * What a page of a long list costs, wherever it stands: a tenant with a million jobs, and a hundred others beside it.
 * Each page is asked for as the server does, as role aetherlink_app below row-level security. "Blocks" is what one page reads
 * (auto_explain), and "indexes" what it goes through: the proof that the time is no matter of luck.
 */
import postgres, { type Sql, type TransactionSql } from "postgres";
import { realAmbient } from "../../src/ambient.ts";
import { type CrmDependencies, openCrm } from "../../src/crm/context.ts";
import { jobListSchema, listJobs } from "../../src/crm/jobs.ts";
import { withoutIndexes } from "../growth/tables.ts";
import type { Question } from "../harness/question.ts";
import { quantile } from "../harness/stats.ts";

const ROWS = 1_000_000;
const RUNS = 100;
const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";

/** Milliseconds of a page at the 99th percentile. */
const MOST_MS = 10;

/** Where a page stands: behind this share of the rows. */
const DEPTHS = { first: 0, middle: 0.5, last: 0.9999 };

interface Case {
  readonly name: string;
  readonly query: Record<string, string>;
  /** The filter that stands for a place in the list's order; none for lists that are short. */
  readonly deep: boolean;
}

const CASES: Case[] = [
  { name: "newest first", query: {}, deep: true },
  { name: "newest first, 200 a page", query: { limit: "200" }, deep: true },
  { name: "oldest first", query: { sort: "createdAt" }, deep: true },
  { name: "by change", query: { sort: "-updatedAt" }, deep: true },
  { name: "by title", query: { sort: "title" }, deep: true },
  { name: "by scheduled time", query: { sort: "scheduledAt" }, deep: true },
  { name: "status=Open (a quarter)", query: { status: "Open" }, deep: true },
  { name: "status=Cancelled (20 rows)", query: { status: "Cancelled" }, deep: false },
  { name: "accountId (100 rows)", query: { accountId: "" }, deep: false },
  { name: "accountId, by title", query: { accountId: "", sort: "title" }, deep: false },
  { name: "currency=GBP (100 rows)", query: { currency: "GBP" }, deep: false },
  { name: "tag=vip (a tenth)", query: { tag: "vip" }, deep: true },
  { name: "tag=rare (200 rows)", query: { tag: "rare" }, deep: false },
  { name: "q=roof (an eighth)", query: { q: "roof" }, deep: true },
  { name: "q=urgent (2,500 rows, short pages)", query: { q: "urgent" }, deep: true },
  { name: "q=zeppelin (10 rows)", query: { q: "zeppelin" }, deep: false },
  { name: "q=roof call (two words)", query: { q: "roof call" }, deep: true },
  { name: "q=nosuchword", query: { q: "nosuchword" }, deep: false },
  { name: "q=legacy (300,000 rows, none of them near)", query: { q: "legacy" }, deep: false },
];

export const lists: Question = {
  name: "lists",
  asks: "What does a page of a list of a million jobs cost, wherever it stands?",
  needs: [],
  async measure(bench) {
    const rows = bench.size(ROWS, 20_000);
    const { url, sql } = await (await bench.database({ wal_level: "minimal", max_wal_senders: "0" })).create();
    await seed(sql, rows);
    const ambient = realAmbient;
    const deps = openCrm({ sql, ambient, idempotencyTtlMs: 0, requireIfMatch: false, committed() {} });
    const [account] = await sql<
      { id: string }[]
    >`select id from accounts where tenant_id = ${TENANT} order by id limit 1`;
    const lines: string[] = [];
    const [slow, medians]: [string[], number[]] = [[], []];
    for (const { name, query, deep } of bench.isQuick ? CASES.slice(0, 3) : CASES) {
      const asked = query.accountId === "" ? { ...query, accountId: account?.id ?? "" } : query;
      for (const [where, depth] of Object.entries(deep ? DEPTHS : { first: 0 })) {
        const cursor = depth === 0 ? undefined : await cursorAt(deps, sql, rows, asked, depth);
        const list = jobListSchema.parse(cursor === undefined ? asked : { ...asked, cursor });
        const times: number[] = [];
        let shown = 0;
        for (let i = 0; i < bench.size(RUNS, 10); i++) {
          const began = performance.now();
          const page = await listJobs(deps, TENANT, list);
          times.push(performance.now() - began);
          if (i === 0) shown = JSON.parse(page.body).data.length;
        }
        const { blocks, plans } = await explain(url, JSON.stringify(list.query));
        const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
        medians.push(p50);
        if (p99 > MOST_MS) slow.push(`${name}, ${where}: ${p99.toFixed(1)}`);
        lines.push(
          `| ${name} | ${where} | ${shown} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${blocks} | ${plans.join(", ")} |`,
        );
      }
    }
    bench.figure({
      what: `a page of ${rows.toLocaleString("en")} jobs, p50, all pages of all lists`,
      unit: "ms",
      values: medians,
      digits: 2,
    });
    const why =
      slow.length === 0
        ? undefined
        : `They are: ${slow.join("; ")}. A search reads the ids of all rows with its word from the search index before it sorts them; others are single slow answers of many.`;
    const what = `pages with a p99 above ${MOST_MS} ms, of ${lines.length}`;
    bench.figure({ what, unit: "", values: [slow.length], bar: { atMost: 0 }, why });
    const head = [
      "| list | page | rows | p50 (ms) | p99 (ms) | blocks | indexes |",
      "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ];
    bench.note([...head, ...lines].join("\n"));
  },
};

async function seed(sql: Sql, count: number): Promise<void> {
  await sql.begin((tx) => withoutIndexes(tx, "jobs", () => insertAll(tx, count)));
  await sql`vacuum analyze jobs`;
  await sql`vacuum analyze accounts`;
}

async function insertAll(sql: TransactionSql, count: number): Promise<void> {
  await sql`
    insert into accounts (tenant_id, id, name, created_at, updated_at)
    select ${TENANT}, gen_random_uuid(), 'Account ' || i, now(), now() from generate_series(1, 10000) i`;
  await sql`
    insert into jobs (
      tenant_id, id, title, status, created_at, updated_at, account_id, scheduled_at, amount, currency, tags, description
    )
    select ${TENANT}, gen_random_uuid(),
      'Fix the ' || (array['roof', 'window', 'door', 'pipe', 'wall', 'boiler', 'floor', 'gate'])[(1 + i % 8)::int] || ' no ' || i
        || case when i % 400 = 0 then ' urgent' when i % 100000 = 7 then ' zeppelin' else '' end
        || case when i between 100000 and 400000 then ' legacy' else '' end,
      case when i % 50000 = 3 then 'Cancelled'
        else (array['Open', 'Scheduled', 'InProgress', 'Completed'])[(1 + i % 4)::int] end,
      '2026-01-01'::timestamptz + i * interval '1 second',
      '2026-01-01'::timestamptz + (i * 7919 % 1000003) * interval '1 second',
      (array(select id from accounts where tenant_id = ${TENANT} order by id))[(1 + i % 10000)::int],
      case when i % 3 = 0 then '2027-01-01'::timestamptz + (i * 104729 % 1000003) * interval '1 minute' end,
      case when i % 2 = 0 then i end,
      case when i % 2 = 0 then case when i % 10000 = 0 then 'GBP' else 'EUR' end end,
      case when i % 10 = 0 then array['vip', 'north'] when i % 5000 = 1 then array['rare'] else '{}' end,
      'Please call before you come, job ' || i
    from generate_series(1::bigint, ${count}) i`;
  await sql`
    insert into jobs (tenant_id, id, title, status, created_at, updated_at)
    select ('bbbbbbbb-0000-4000-8000-' || lpad((i % 100)::text, 12, '0'))::uuid, gen_random_uuid(), 'Roof of somebody ' || i,
      'Open', now(), now()
    from generate_series(1, ${count / 10}::int) i`;
}

/** The cursor of a page that ended behind a share of the rows: that of a real page, moved. */
async function cursorAt(
  deps: CrmDependencies,
  sql: Sql,
  rows: number,
  query: Record<string, string>,
  depth: number,
): Promise<string> {
  const { next } = await listJobs(deps, TENANT, jobListSchema.parse({ ...query, limit: "1" }));
  const [print, , , dense] = JSON.parse(Buffer.from(next ?? "", "base64url").toString());
  const { query: asked } = jobListSchema.parse(query);
  const column =
    { updatedAt: "updated_at", title: "title", scheduledAt: "scheduled_key" }[String(asked.sort)] ?? "created_at";
  const [row] = await sql<{ key: string | Date; id: string }[]>`
    select ${sql.unsafe(column === "title" ? "title" : `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)} as key, id
    from jobs where tenant_id = ${TENANT} and isfinite(${sql.unsafe(column === "title" ? "created_at" : column)})
    order by ${sql.unsafe(`${column} ${asked.descending === true ? "desc" : "asc"}`)}
    offset ${Math.floor((column === "scheduled_key" ? rows / 3 : rows) * depth)}::int limit 1`;
  return Buffer.from(JSON.stringify([print, row?.key, row?.id, dense])).toString("base64url");
}

/** Blocks that one page reads, and the indexes that its statements go through. */
async function explain(url: string, query: string): Promise<{ blocks: number; plans: string[] }> {
  const notices: string[] = [];
  const session = postgres(url, { max: 1, onnotice: (notice) => notices.push(notice.message ?? "") });
  try {
    await session.unsafe(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on;
      set auto_explain.log_buffers = on; set auto_explain.log_nested_statements = on; set auto_explain.log_level = notice;
      set auto_explain.log_timing = off`);
    await session`select count(body) from list_jobs(${TENANT}::uuid, ${query}::text::jsonb)`;
    notices.length = 0;
    await session`select count(body) from list_jobs(${TENANT}::uuid, ${query}::text::jsonb)`;
    // The statement of the outside counts what those inside it read as well.
    const outer = notices.findLast((notice) => notice.includes("Function Scan on list_jobs")) ?? "";
    const [, hit = "0", read = "0"] = /Buffers: shared hit=(\d+)(?: read=(\d+))?/.exec(outer) ?? [];
    const plans = notices.join("\n").matchAll(/(?:Scan(?: Backward)? using|Bitmap Index Scan on|Seq Scan on) (\w+)/g);
    return { blocks: Number(hit) + Number(read), plans: [...new Set([...plans].map((plan) => plan[1] ?? ""))] };
  } finally {
    await session.end();
  }
}
