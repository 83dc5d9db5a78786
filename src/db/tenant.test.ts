import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { withTenant } from "./tenant.ts";

const [ALICE, BOB] = ["aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"];
const JOB = "cccccccc-0000-4000-8000-000000000003";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  await withTenant(
    db.sql,
    ALICE,
    (tx) => tx`
    insert into jobs (tenant_id, id, title, status, created_at, updated_at) values (${ALICE}, ${JOB}, 'hers', 'Open', now(), now())`,
  );
});
afterAll(() => db.drop());

describe("a tenant's transaction", () => {
  test("sees its own rows", async () => {
    expect(await withTenant(db.sql, ALICE, (tx) => tx`select title from jobs`)).toMatchObject([{ title: "hers" }]);
  });

  test("sees, changes and deletes no row of another tenant, whatever the statement asks for", async () => {
    await withTenant(db.sql, BOB, async (tx) => {
      expect(await tx`select * from jobs where tenant_id = ${ALICE}`).toHaveLength(0);
      expect((await tx`update jobs set title = 'his' where id = ${JOB}`).count).toBe(0);
      expect((await tx`delete from jobs`).count).toBe(0);
    });
  });

  test("cannot write a row for another tenant", async () => {
    const write = withTenant(
      db.sql,
      BOB,
      (tx) => tx`
      insert into jobs (tenant_id, id, title, status, created_at, updated_at)
      values (${ALICE}, ${Bun.randomUUIDv7()}, 'forged', 'Open', now(), now())`,
    );
    await expect(write).rejects.toThrow("row-level security");
  });

  test("without the tenant setting no table shows any row", async () => {
    await db.sql.begin(async (tx) => {
      await tx`set local role aetherlink_app`;
      for (const table of ["jobs", "outbox_events", "idempotency_keys"]) {
        expect(await tx`select * from ${tx(table)}`).toHaveLength(0);
      }
    });
  });

  test("leaves neither role nor tenant behind on its connection", async () => {
    const session = await db.sql.reserve();
    try {
      await session`begin`;
      await session`select enter_tenant(${ALICE})`;
      await session`commit`;
      const [row] = await session`select current_user as who, current_setting('app.tenant_id', true) as tenant`;
      expect(row).toMatchObject({ who: "aetherlink", tenant: "" });
    } finally {
      session.release();
    }
  });

  test("is rolled back when its work throws", async () => {
    const failing = withTenant(db.sql, ALICE, async (tx) => {
      await tx`delete from jobs`;
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await withTenant(db.sql, ALICE, (tx) => tx`select 1 from jobs`)).toHaveLength(1);
  });

  test("every table with a tenant has row-level security forced and its policies in place", async () => {
    const tables = await db.sql`
      select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
        (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1`;
    expect(tables.map((table) => table.name)).toEqual([
      "accounts",
      "contacts",
      "idempotency_keys",
      "jobs",
      "outbox_audit",
      "outbox_blocked",
      "outbox_events",
    ]);
    for (const table of tables) {
      expect(table.forced).toBe(true);
      expect(table.policies).toBeGreaterThan(0);
    }
  });
});
