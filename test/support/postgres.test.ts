import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { serversOf } from "../../src/db/embedded/processes.ts";
import { adminUrl, testDatabase } from "./postgres.ts";

const gone = async (folder: string) => !existsSync(folder) && (await serversOf(join(folder, "postgres"))).length === 0;

test("databases asked for at the same time are clones of the migrated template, apart from each other", async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
  await one.sql`create table only_here ()`;
  const tables = (name: string) => two.sql`select to_regclass(${name}) is not null as known`;
  expect(await tables("public.schema_files")).toMatchObject([{ known: true }]);
  expect(await tables("public.only_here")).toMatchObject([{ known: false }]);
  await Promise.all([one.drop(), two.drop()]);
});

test("a connection left open fails the file that left it, and is named", async () => {
  const db = await testDatabase();
  const leaked = postgres(db.url, { max: 1, connection: { application_name: "leaky part" } });
  await leaked`select 'the last words'`;
  await expect(db.drop()).rejects.toThrow(/left 1 database connections open.*\n.*leaky part \(idle\).*the last words/);
  await leaked.end({ timeout: 0 });
  await db.drop();
});

test("the admin URL reaches the server beside the databases of the tests", async () => {
  const admin = postgres(await adminUrl(), { max: 1 });
  expect(await admin`select current_setting('fsync') as fsync`).toMatchObject([{ fsync: "off" }]);
  await admin.end();
});

// With --bail, bun test 1.4.5 ends without any hook; a killed one does anyway.
for (const [how, options, signal] of [
  ["that is over", [], undefined],
  ["that bails out", ["--bail"], undefined],
  ["that is killed", [], "SIGKILL"],
  ["that gets Ctrl-C", [], "SIGINT"],
] as const) {
  test.concurrent(`a run ${how} leaves no process and no folder`, async () => {
    const child = Bun.spawn([process.execPath, "test", ...options, "./test/support/postgres.fixture.ts"], {
      cwd: join(import.meta.dir, "..", ".."),
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
      env: { ...(signal && { STAY: "1" }) },
    });
    let output = "";
    for await (const chunk of child.stdout) {
      output += new TextDecoder().decode(chunk);
      if (signal && output.includes("folder: ")) process.kill(-child.pid, signal);
    }
    expect(await child.exited).not.toBe(0);
    const folder = /folder: (\S+)/.exec(output)?.[1] ?? "";
    expect(folder).toContain("aetherlink-test-");
    while (!(await gone(folder))) await Bun.sleep(10);
  }, 30_000);
}
