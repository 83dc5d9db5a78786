import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { adminUrl, type TestDatabase, testDatabase } from "../../test/support/postgres.ts";
import { MigrationError, migrate, pendingFiles } from "./migrate.ts";
import { FUNCTIONS, MIGRATIONS, type SqlFile } from "./migrations.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

/** An empty database, as a pool on it. */
async function withEmptyDatabase(work: (sql: postgres.Sql) => Promise<void>, owner?: string): Promise<void> {
  const admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
  const name = `empty_${Bun.randomUUIDv7().replaceAll("-", "")}`;
  await admin.unsafe(`create database ${name} ${owner === undefined ? "" : `owner ${owner}`}`);
  const url = new URL(await adminUrl());
  url.pathname = `/${name}`;
  if (owner !== undefined) [url.username, url.password] = [owner, "owner"];
  const sql = postgres(url.href, { max: 8, onnotice: () => {}, fetch_types: false });
  try {
    await work(sql);
  } finally {
    await sql.end();
    await admin.unsafe(`drop database ${name}`);
    await admin.end();
  }
}

const file = (name: string, text: string): SqlFile => ({ name, text });

describe("migrations", () => {
  test("the list in the code is the content of sql/, in order", async () => {
    const folder = join(import.meta.dir, "../../sql");
    const onDisk = async (sub: string) => (await readdir(join(folder, sub))).filter((name) => name.endsWith(".sql"));
    expect(MIGRATIONS.map(({ name }) => name)).toEqual((await onDisk(".")).toSorted());
    expect(FUNCTIONS.map(({ name }) => name).toSorted()).toEqual((await onDisk("functions")).toSorted());
  });

  test("a second run changes nothing", async () => {
    expect(await migrate(db.sql)).toEqual({ migrations: [], functions: [], newer: [] });
  });

  test("several instances that start at once apply each file once", async () => {
    await withEmptyDatabase(async (sql) => {
      const files = {
        migrations: [
          file("0001.sql", "create table a (n int); select pg_sleep(0.05);"),
          file("0002.sql", "create table b (n int)"),
        ],
        functions: [file("f.sql", "create or replace function f() returns int language sql as 'select 1'")],
      };
      const reports = await Promise.all([1, 2, 3, 4].map(() => migrate(sql, { files })));
      expect(reports.flatMap((report) => report.migrations)).toEqual(["0001.sql", "0002.sql"]);
      expect(reports.flatMap((report) => report.functions)).toEqual(["f.sql"]);
    });
  });

  test("an applied migration that was edited is refused by name, and nothing runs", async () => {
    await withEmptyDatabase(async (sql) => {
      await migrate(sql, { files: { migrations: [file("0001.sql", "create table a (n int)")], functions: [] } });
      const edited = [file("0001.sql", "create table a (n bigint)"), file("0002.sql", "create table b (n int)")];
      const failure = migrate(sql, { files: { migrations: edited, functions: [] } });
      await expect(failure).rejects.toThrow("migration 0001.sql was edited");
      expect(await sql`select to_regclass('b') as b`).toMatchObject([{ b: null }]);
    });
  });

  test("a migration that fails is rolled back whole, those before it stay, and the error names it", async () => {
    await withEmptyDatabase(async (sql) => {
      const files = {
        migrations: [
          file("0001.sql", "create table a (n int)"),
          file("0002.sql", "create table b (n int); select nonsense()"),
        ],
        functions: [],
      };
      const failure = migrate(sql, { files });
      await expect(failure).rejects.toBeInstanceOf(MigrationError);
      await expect(failure).rejects.toThrow("0002.sql failed and was rolled back: function nonsense() does not exist");
      const [row] = await sql`select to_regclass('a') as a, to_regclass('b') as b`;
      expect(row).toMatchObject({ a: "a", b: null });
      const mended = {
        ...files,
        migrations: [files.migrations[0] ?? file("", ""), file("0002.sql", "create table b (n int)")],
      };
      expect((await migrate(sql, { files: mended })).migrations).toEqual(["0002.sql"]);
    });
  });

  test("a function is applied anew when its text changes", async () => {
    await withEmptyDatabase(async (sql) => {
      const f = (n: number) =>
        file("f.sql", `create or replace function f() returns int language sql as 'select ${n}'`);
      for (const n of [1, 2]) {
        expect((await migrate(sql, { files: { migrations: [], functions: [f(n)] } })).functions).toEqual(["f.sql"]);
        const [row] = await sql`select f() as n`;
        expect(row).toMatchObject({ n });
      }
    });
  });

  test("functions change together: whoever comes while they do sees all of one version", async () => {
    await withEmptyDatabase(async (sql) => {
      // The inner one is applied first; between the two, one would see the new inner and the old outer one.
      const pair = (n: number) => [
        file("inner.sql", `create or replace function inner_f() returns int language sql as 'select ${n}'`),
        file("outer.sql", `create or replace function outer_f() returns int language sql as 'select ${n}'`),
      ];
      const apply = (n: number) => migrate(sql, { files: { migrations: [], functions: pair(n) } });
      await apply(0);
      const applied = (async () => {
        for (let n = 1; n <= 30; n++) await apply(n);
        return "applied";
      })();
      const mixed: unknown[] = [];
      while ((await Promise.race([applied, Bun.sleep(0)])) !== "applied") {
        // One statement of a new transaction; its snapshot of the catalogue is that of its beginning.
        const [row] =
          await sql`select (select prosrc from pg_proc where proname = 'inner_f') as a, (select prosrc from pg_proc where proname = 'outer_f') as b`;
        if (row?.a !== row?.b) mixed.push(row);
      }
      expect(mixed).toEqual([]);
    });
  });

  test("a server of the version before that starts again leaves the functions of its successor alone, and says so", async () => {
    await withEmptyDatabase(async (sql) => {
      const f = (n: number) => [
        file("f.sql", `create or replace function f() returns int language sql as 'select ${n}'`),
      ];
      const [one, two] = [file("0001.sql", "create table a (n int)"), file("0002.sql", "create table b (n int)")];
      await migrate(sql, { files: { migrations: [one], functions: f(1) } });
      await migrate(sql, { files: { migrations: [one, two], functions: f(2) } });
      const before = { migrations: [one], functions: f(1) };
      const nothing = { migrations: [], functions: [], newer: ["0002.sql"] };
      expect(await pendingFiles(sql, { files: before })).toEqual(nothing);
      expect(await migrate(sql, { files: before })).toEqual(nothing);
      expect(await sql`select f() as n`).toMatchObject([{ n: 2 }]);
    });
  });

  test("a migration that waits for a table lets those pass who wait behind it, and is applied in the end", async () => {
    await withEmptyDatabase(async (sql) => {
      const one = file("0001.sql", "create table a (n int)");
      await migrate(sql, { files: { migrations: [one], functions: [] } });
      const released = Promise.withResolvers<void>();
      const locked = Promise.withResolvers<void>();
      // As a report does that reads for long.
      const reader = sql.begin(async (tx) => {
        await tx`select * from a`;
        locked.resolve();
        await released.promise;
      });
      await locked.promise;
      const two = file("0002.sql", "alter table a add column m int");
      const migrated = migrate(sql, { files: { migrations: [one, two], functions: [] } });
      const isWaiting = async () =>
        (await sql`select from pg_locks where mode = 'AccessExclusiveLock' and not granted`).length > 0;
      while (!(await isWaiting())) await Bun.sleep(5);
      // It stands behind the migration, which stands behind the reader.
      const began = performance.now();
      await sql`insert into a values (1)`;
      expect(performance.now() - began).toBeLessThan(10_000);
      released.resolve();
      await reader;
      expect((await migrated).migrations).toEqual(["0002.sql"]);
    });
  });

  test("the schema can be made by an owner who is no superuser and may create roles", async () => {
    const admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
    await admin.unsafe("create role plain_owner login createrole password 'owner'");
    // As on a server where another database of ours was set up by someone else before.
    await admin.unsafe("grant aetherlink_app, aetherlink_relay to plain_owner with admin option");
    try {
      await withEmptyDatabase(async (sql) => {
        expect((await migrate(sql)).migrations).toEqual(MIGRATIONS.map(({ name }) => name));
        // FORCE: not even the owner sees a row without taking on a role.
        await sql`set row_security = on`;
        expect(await sql`select * from jobs`).toHaveLength(0);
      }, "plain_owner");
    } finally {
      await admin.unsafe("drop role plain_owner");
      await admin.end();
    }
  });

  test("an owner who may not take on our roles is told what an administrator has to run", async () => {
    const admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
    await admin.unsafe("create role poor_owner login password 'owner'");
    try {
      await withEmptyDatabase(async (sql) => {
        await expect(migrate(sql)).rejects.toThrow("let an administrator run: create role aetherlink_app nologin");
        // What it says helps.
        await admin.unsafe("grant aetherlink_app, aetherlink_relay to poor_owner");
        expect((await migrate(sql)).migrations).toEqual(MIGRATIONS.map(({ name }) => name));
        await sql.begin(async (tx) => {
          for (const role of ["aetherlink_app", "aetherlink_relay"]) await tx.unsafe(`set local role ${role}`);
        });
      }, "poor_owner");
    } finally {
      await admin.unsafe("drop role poor_owner");
      await admin.end();
    }
  });
});
