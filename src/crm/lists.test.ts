import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { crmDependencies, writeContext } from "../../test/support/crm.ts";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { accountListSchema, listAccounts } from "./accounts.ts";
import { contactListSchema, listContacts } from "./contacts.ts";
import type { CrmDependencies } from "./context.ts";
import { createJobs, type Job, jobListSchema, listJobs, newJobSchema } from "./jobs.ts";

const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
const ROOFS = 30;

let db: TestDatabase;
let deps: CrmDependencies;
beforeAll(async () => {
  db = await testDatabase();
  ({ deps } = crmDependencies(db.sql));
  const jobs = Array.from({ length: ROOFS }, (_, i) =>
    newJobSchema.parse({
      title: `Roof ${"abc"[i % 3]} 100%_${i}`,
      description: i % 10 === 0 ? "with a Chimney" : null,
      status: i % 2 === 0 ? "Open" : "Completed",
      scheduledAt: i % 5 === 0 ? `2027-01-${String(1 + i).padStart(2, "0")}T00:00:00+01:00` : null,
      amount: i % 4 === 0 ? { value: String(i), currency: "EUR" } : null,
      tags: i % 6 === 0 ? ["vip", "north"] : ["south"],
    }),
  );
  // A batch has one time for all, so the id alone decides between equals.
  await createJobs(deps, writeContext(TENANT), jobs.slice(0, 10));
  for (const job of jobs.slice(10)) await createJobs(deps, writeContext(TENANT), [job]);
});
afterAll(() => db.drop());

/** All jobs of a list, page by page. */
async function all(parameters: Record<string, string>, limit: number, tenant = TENANT): Promise<Job[]> {
  const seen: Job[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const given = { ...parameters, limit: String(limit), ...(cursor === "" ? {} : { cursor }) };
    const page = await listJobs(deps, tenant, jobListSchema.parse(given));
    const { data, next } = JSON.parse(page.body) as { data: Job[]; next: string | null };
    expect(next).toBe(page.next);
    expect(data.length).toBeLessThanOrEqual(limit);
    seen.push(...data);
    cursor = next;
  }
  return seen;
}

describe("a list of jobs", () => {
  const keys: [string, (job: Job) => string][] = [
    ["createdAt", (job) => job.createdAt],
    ["updatedAt", (job) => job.updatedAt],
    ["title", (job) => job.title],
    ["scheduledAt", (job) => job.scheduledAt ?? "~"],
  ];
  test.each(keys)("sorted by %s has every job once, both ways, with pages of any size", async (sort, key) => {
    const expected = (await all({}, 200)).map((job) => `${key(job)} ${job.id}`).toSorted();
    expect(expected).toHaveLength(ROOFS);
    for (const limit of [1, 7, 30, 200]) {
      const up = (await all({ sort }, limit)).map((job) => `${key(job)} ${job.id}`);
      const down = (await all({ sort: `-${sort}` }, limit)).map((job) => `${key(job)} ${job.id}`);
      expect(up).toEqual(expected);
      expect(down).toEqual(expected.toReversed());
    }
  });

  test.each<[Record<string, string>, (job: Job) => boolean]>([
    [{ status: "Open" }, (job) => job.status === "Open"],
    [{ currency: "EUR" }, (job) => job.amount !== null],
    [{ currency: "USD" }, () => false],
    [{ tag: "vip" }, (job) => job.tags.includes("vip")],
    [{ tag: "south", status: "Open" }, (job) => job.tags.includes("south") && job.status === "Open"],
    [{ q: "roof" }, () => true],
    [{ q: "ROOF b" }, (job) => job.title.includes(" b ")],
    [{ q: "chimney" }, (job) => job.description !== null],
    [{ q: "100%_7" }, (job) => job.title.endsWith("_7")],
    [{ q: "100xx7" }, () => false],
    [{ q: "roof", tag: "vip" }, (job) => job.tags.includes("vip")],
    [{ accountId: TENANT }, () => false],
    [{ scheduledFrom: "2027-01-06T00:00:00+01:00" }, (job) => (job.scheduledAt ?? "0") >= "2027-01-05T23"],
    [{ scheduledTo: "2027-01-06T00:00:00+01:00" }, (job) => (job.scheduledAt ?? "~") < "2027-01-05T23"],
    [{ createdFrom: "2999-01-01T00:00:00Z" }, () => false],
    [{ updatedTo: "2999-01-01T00:00:00Z" }, () => true],
  ])("with %p has the jobs that match and no other, in any order", async (parameters, matches) => {
    for (const sort of ["-createdAt", "title"]) {
      const expected = (await all({ sort }, 200)).filter(matches).map((job) => job.title);
      expect((await all({ ...parameters, sort }, 4)).map((job) => job.title)).toEqual(expected);
    }
  });

  test("of another tenant is empty, a search as well", async () => {
    for (const parameters of [{}, { q: "roof" }, { tag: "vip" }]) {
      expect(await all(parameters, 10, crypto.randomUUID())).toEqual([]);
    }
  });

  test("with a cursor of another sort, filter or search, or none of ours, is refused by name", async () => {
    const { next } = await listJobs(deps, TENANT, jobListSchema.parse({ status: "Open", limit: "1" }));
    const cursor = next ?? "";
    expect(jobListSchema.safeParse({ status: "Open", limit: "7", cursor }).success).toBe(true);
    const forged = (key: string) =>
      Buffer.from(
        JSON.stringify([JSON.parse(Buffer.from(cursor, "base64url").toString())[0], key, TENANT, false]),
      ).toString("base64url");
    for (const given of [
      { cursor },
      { status: "Open", sort: "title", cursor },
      { status: "Open", q: "roof", cursor },
      { status: "Open", cursor: "" },
      { status: "Open", cursor: "%%%" },
      { status: "Open", cursor: forged("2027-13-01T00:00:00.000000Z") },
      { status: "Open", cursor: forged("'; drop table jobs") },
    ]) {
      expect(jobListSchema.safeParse(given).error?.issues.map((issue) => issue.path)).toEqual([["cursor"]]);
    }
  });
});

describe("a search among more jobs than a walk looks at", () => {
  const tenant = "bbbbbbbb-0000-4000-8000-000000000001";
  beforeAll(async () => {
    await db.sql`
      insert into jobs (tenant_id, id, title, status, created_at, updated_at)
      select ${tenant}, gen_random_uuid(),
        case when i % 1000 = 0 then 'rare' when i between 3001 and 4500 then 'dense' else 'other' end || ' ' || i, 'Open',
        '2027-01-01'::timestamptz + i * interval '1 second', now()
      from generate_series(1, 10000) i`;
    await db.sql`analyze jobs`;
  });

  test("finds what is far away by the index, on the first page", async () => {
    const page = await listJobs(deps, tenant, jobListSchema.parse({ q: "rare", sort: "createdAt" }));
    const { data, next } = JSON.parse(page.body) as { data: Job[]; next: string | null };
    expect(data.map((job) => job.title)).toEqual(Array.from({ length: 10 }, (_, i) => `rare ${(i + 1) * 1000}`));
    expect(next).toBeNull();
  });

  test("that many jobs match, though few near by, has short pages, and every match once", async () => {
    const first = await listJobs(deps, tenant, jobListSchema.parse({ q: "dense", sort: "createdAt" }));
    expect(JSON.parse(first.body).data).toEqual([]);
    expect(first.next).not.toBeNull();
    const found = await all({ q: "dense", sort: "createdAt" }, 200, tenant);
    const expected = Array.from({ length: 1_500 }, (_, i) => `dense ${3_001 + i}`);
    expect(found.map((job) => job.title)).toEqual(expected.filter((title) => !title.endsWith("000")));
  });

  test("works for accounts and contacts as well", async () => {
    await db.sql`
      insert into accounts (tenant_id, id, name, website, created_at, updated_at)
      select ${tenant}, gen_random_uuid(), 'Company ' || i, case when i = 7 then 'https://faraway.example' end,
        '2027-01-01'::timestamptz + i * interval '1 second', now()
      from generate_series(1, 2500) i`;
    await db.sql`
      insert into contacts (tenant_id, id, name, email, created_at, updated_at)
      select ${tenant}, gen_random_uuid(), 'Person ' || i, case when i = 7 then 'Someone@faraway.example' end,
        '2027-01-01'::timestamptz + i * interval '1 second', now()
      from generate_series(1, 2500) i`;
    const accounts = await listAccounts(deps, tenant, accountListSchema.parse({ q: "FARAWAY" }));
    const contacts = await listContacts(deps, tenant, contactListSchema.parse({ q: "someone faraway", sort: "name" }));
    const names = [accounts, contacts].flatMap((page) => (JSON.parse(page.body) as { data: { name: string }[] }).data);
    expect(names.map((entity) => entity.name)).toEqual(["Company 7", "Person 7"]);
    expect([accounts.next, contacts.next]).toEqual([null, null]);
  });
});
