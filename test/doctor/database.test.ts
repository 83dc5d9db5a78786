/** `aetherlink doctor` against real databases, healthy, away or at fault. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { checkClock } from "../../src/cli/doctor/machine.ts";
import { adminUrl, type TestDatabase, testDatabase } from "../support/postgres.ts";
import { doctor as doctorIn, NOBODY } from "./run.ts";

let db: TestDatabase;
let folder = "";
beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), "aetherlink-doctor-"));
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

const doctor = (env: Record<string, string>) => doctorIn(folder, env);

function withUrl(change: (url: URL) => void): string {
  const url = new URL(db.url);
  change(url);
  return url.href;
}

describe("the database", () => {
  test("when all is well it says version, place and user, and that every migration is there", async () => {
    const { code, of } = await doctor({ DATABASE_URL: db.url });
    expect(code).toBe(0);
    expect(of("database").text).toMatch(/^PostgreSQL 18\.\d+ at 127\.0\.0\.1:\d+\/test_\d+, as aetherlink$/);
    for (const name of ["privileges", "migrations", "clock"]) expect(of(name).state).toBe("ok");
    expect(of("clock").text).toMatch(/^within 0\.\d{3} s of the database$/);
  });

  test.each<[string, string, () => string, string]>([
    ["away", "ECONNREFUSED", () => `postgres://crm:hunter2@${NOBODY}/crm`, "start PostgreSQL"],
    ["not to be found", "ENOTFOUND", () => "postgres://crm:hunter2@nowhere.invalid/crm", "mend the host"],
    [
      "asked with a wrong password",
      "password",
      () => withUrl((url) => (url.password = "hunter2")),
      "mend user and password",
    ],
    ["not there", "does not exist", () => withUrl((url) => (url.pathname = "/nothing")), "create the database"],
  ])("%s: what is in it is not looked at, all else is", async (_, text, url, todo) => {
    const { failed, of, out } = await doctor({ DATABASE_URL: url() });
    expect(failed).toEqual(["database"]);
    expect(of("database").text).toContain(text);
    expect(of("database").todo).toStartWith(todo);
    for (const name of ["privileges", "migrations"])
      expect(of(name)).toMatchObject({ state: "off", text: "needs the database" });
    expect(of("port").state).toBe("ok");
    expect(out).not.toContain("hunter2");
  });

  test("one that takes connections and says nothing has its time, and so has such a broker", async () => {
    const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    try {
      const began = performance.now();
      const { failed, of } = await doctor({
        DATABASE_URL: `postgres://crm:x@127.0.0.1:${mute.port}/crm`,
        KAFKA_BROKERS: `127.0.0.1:${mute.port}`,
      });
      expect(failed).toEqual(["database", "broker"]);
      expect(of("database").text).toBe("no answer within 5 s");
      expect(of("port").ms).toBeLessThan(of("database").ms);
      expect(performance.now() - began).toBeLessThan(20_000);
    } finally {
      mute.stop(true);
    }
  });

  test("an empty one: everything is pending; an edited migration is named", async () => {
    const admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
    await admin`create database doctor_empty`;
    try {
      const { failed, of } = await doctor({ DATABASE_URL: withUrl((url) => (url.pathname = "/doctor_empty")) });
      expect(failed).toEqual(["migrations"]);
      expect(of("migrations").text).toMatch(
        /^(\d+) of \1 migrations are pending, and \d+ functions are new or changed$/,
      );
      expect(of("privileges").state).toBe("ok");
    } finally {
      await admin`drop database doctor_empty with (force)`;
      await admin.end();
    }
    const [kept] = await db.sql`select checksum from schema_files where name = '0001_init.sql'`;
    await db.sql`update schema_files set checksum = 'x' where name = '0001_init.sql'`;
    const { failed, of } = await doctor({ DATABASE_URL: db.url });
    await db.sql`update schema_files set checksum = ${kept?.checksum} where name = '0001_init.sql'`;
    expect(failed).toEqual(["migrations"]);
    expect(of("migrations").text).toContain("0001_init.sql was edited");
  });

  test("a user who may not take on the roles, and one who may do that alone", async () => {
    const name = "doctor_user";
    await db.sql.unsafe(`create role ${name} login password 'hunter2'`);
    const url = withUrl((u) => {
      u.username = name;
      u.password = "hunter2";
    });
    try {
      // What it may not look at is its user's to mend, not ours.
      const blind = await doctor({ DATABASE_URL: url });
      expect(blind.failed).toEqual(["privileges", "migrations"]);
      expect(blind.of("migrations").text).toBe(`permission denied for table schema_files, as role ${name}`);
      expect(blind.of("migrations").todo).toContain(`grant select on public.schema_files to "${name}"`);
      await db.sql.unsafe(`grant select on schema_files to ${name}`);
      const without = await doctor({ DATABASE_URL: url });
      expect(without.failed).toEqual(["privileges"]);
      expect(without.of("privileges").text).toBe(`${name} may not become aetherlink_app and aetherlink_relay`);
      expect(without.of("privileges").todo).toContain(`grant aetherlink_app, aetherlink_relay to "${name}"`);
      await db.sql.unsafe(`grant aetherlink_app, aetherlink_relay to ${name}`);
      const granted = await doctor({ DATABASE_URL: url });
      // Nothing is pending: a server runs well without the right to change the schema.
      expect(granted.code).toBe(0);
      expect(granted.of("privileges").text).toContain("run aetherlink migrate as its owner");
      await db.sql`delete from schema_files where name = 'functions/enter_tenant.sql'`;
      expect((await doctor({ DATABASE_URL: url })).failed).toEqual(["privileges", "migrations"]);
    } finally {
      await db.sql.unsafe(`drop owned by ${name}; drop role ${name}`);
    }
  });

  test("a table of which requests would see every tenant's rows", async () => {
    const own = await testDatabase();
    try {
      await own.sql`alter table accounts disable row level security`;
      const { failed, of } = await doctor({ DATABASE_URL: own.url });
      expect(failed).toEqual(["privileges"]);
      expect(of("privileges").text).toContain("does not hold aetherlink_app on accounts");
    } finally {
      await own.drop();
    }
  });

  test("one that cannot be written", async () => {
    const own = await testDatabase();
    try {
      await own.sql.unsafe(
        `alter database ${new URL(own.url).pathname.slice(1)} set default_transaction_read_only = on`,
      );
      const { failed, of } = await doctor({ DATABASE_URL: own.url });
      expect(failed).toEqual(["database"]);
      expect(of("database").text).toContain("cannot be written");
    } finally {
      await own.drop();
    }
  });

  test("a clock that goes wrong is told by how much", async () => {
    const late = await checkClock(db.sql, undefined, () => new Date(Date.now() - 60_000));
    expect(late).toMatchObject({ state: "failed", text: "this machine's clock is 60 s behind the database" });
    const ahead = await checkClock(db.sql, new Date(), () => new Date(Date.now() + 3_000));
    expect(ahead.text).toMatch(/^this machine's clock is (2\.9|3\.0)\d\d s ahead of the database$/);
  });
});
