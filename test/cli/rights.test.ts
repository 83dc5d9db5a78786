/** Commands in databases where the role that connects may not do what it has to, or where nothing was made yet. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import postgres from "postgres";
import { adminUrl, type TestDatabase, testDatabase } from "../support/postgres.ts";
import { runShell } from "./command.ts";

const NEEDY = "rights_needy";
const BARE = "rights_bare";

let db: TestDatabase;
let admin: postgres.Sql;
beforeAll(async () => {
  db = await testDatabase();
  admin = postgres(await adminUrl(), { max: 1, onnotice: () => {} });
  await admin.unsafe(`create role ${NEEDY} login password 'hunter2'`);
  await admin.unsafe(`create database ${BARE}`);
});
afterAll(async () => {
  await admin.unsafe(`drop database ${BARE} with (force)`);
  await db.sql.unsafe(`drop owned by ${NEEDY}; drop role ${NEEDY}`);
  await admin.end();
  await db.drop();
});

/** What a command says there, as a user sees it: the exit code is 1, and it is one line. */
async function lineOf(command: string, database: string, user?: string): Promise<string> {
  const url = new URL(db.url);
  if (database !== "") url.pathname = `/${database}`;
  if (user !== undefined) [url.username, url.password] = [user, "hunter2"];
  const env = { DATABASE_URL: url.href, PORT: "0", LOG_LEVEL: "warn", LOG_FORMAT: "json" };
  const { code, out, err } = await runShell(`aetherlink ${command}`, env);
  expect({ code, out, lines: err.split("\n").length - 1 }, err).toEqual({ code: 1, out: "", lines: 1 });
  expect(err).not.toContain("hunter2");
  return err.trimEnd();
}

const linesOf = (commands: readonly string[], database: string, user?: string) =>
  Promise.all(commands.map((command) => lineOf(command, database, user)));

test("in an empty database the outbox says that it has to be migrated first", async () => {
  expect(await lineOf("outbox list", BARE)).toBe(
    'DATABASE_URL: relation "outbox_events" does not exist, as role aetherlink: run aetherlink migrate first',
  );
});

test("a role that may not create tables is told what it lacks, by whatever would create them", async () => {
  const lacks = `grant create on schema public to "${NEEDY}"; grant create on database "${BARE}" to "${NEEDY}"; grant aetherlink_app, aetherlink_relay to "${NEEDY}"`;
  const lines = await linesOf(["migrate", "serve"], BARE, NEEDY);
  for (const line of lines)
    expect(line).toBe(
      `DATABASE_URL: permission denied for schema public, as role ${NEEDY}: let an administrator run: ${lacks}; then run aetherlink migrate`,
    );
});

test("a role that is none of ours is told by each command; once granted what they say, all go well but for what its owner has to do", async () => {
  const commands = ["migrate", "migrate --dry-run", "serve", "outbox list"];
  const grants = `grant select on public.schema_files to "${NEEDY}"; grant aetherlink_app, aetherlink_relay to "${NEEDY}"`;
  const lines = await linesOf(commands, "", NEEDY);
  for (const line of lines) expect(line).toEndWith(`, as role ${NEEDY}: let an administrator run: ${grants}`);

  // A server that began all the same would answer every request with 500.
  await db.sql.unsafe(`grant select on public.schema_files to "${NEEDY}"; grant aetherlink_relay to "${NEEDY}"`);
  expect(await lineOf("serve", "", NEEDY)).toBe(
    `DATABASE_URL: the role ${NEEDY} may not become aetherlink_app: let an administrator run: grant aetherlink_app to "${NEEDY}"`,
  );

  await db.sql.unsafe(grants);
  const url = new URL(db.url);
  [url.username, url.password] = [NEEDY, "hunter2"];
  const well = await runShell("aetherlink migrate && aetherlink outbox list", { DATABASE_URL: url.href });
  expect(well).toMatchObject({ code: 0, err: "" });

  await db.sql`delete from schema_files where name = 'functions/enter_tenant.sql'`;
  const line = await lineOf("migrate", "", NEEDY);
  expect(line).toContain("migration functions/enter_tenant.sql failed and was rolled back: ");
  expect(line).toEndWith(": run aetherlink migrate as aetherlink, who owns the tables");
}, 30_000);

test("a database that cannot be written is named as such", async () => {
  const name = new URL(db.url).pathname.slice(1);
  await db.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
  const line = await lineOf("outbox requeue --all", "");
  await admin.unsafe(`alter database ${name} reset default_transaction_read_only`);
  expect(line).toStartWith(`DATABASE_URL: cannot use the database at ${new URL(db.url).host}/${name}: cannot execute `);
  expect(line).toEndWith(" in a read-only transaction");
});

// The last: it leaves the database without it.
test("without the schema public each command says how it is made", async () => {
  const sql = postgres(db.url.replace(/[^/]*$/, BARE), { max: 1, onnotice: () => {} });
  await sql`drop schema public`;
  await sql.end();
  const lines = await linesOf(["migrate", "outbox list"], BARE);
  for (const line of lines) expect(line).toEndWith('run: create schema public authorization "aetherlink"');
});
