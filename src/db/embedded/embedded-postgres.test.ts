import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { cleanUp, embedded, names, query, temporaryFolder, until } from "./harness.fixture.ts";
import type { EmbeddedPostgres, EmbeddedPostgresStarted } from "./index.ts";
import { OWNER_LOCK_KEY } from "./ownership.ts";
import { serversOf } from "./processes.ts";

let dataDir: string;
let server: EmbeddedPostgres;
let first: EmbeddedPostgresStarted;

beforeAll(async () => {
  // The space is part of what is proved, by every test here.
  dataDir = join(await temporaryFolder("with a space "), "check out", ".data");
  server = embedded(dataDir);
  first = await server.start();
}, 30_000);
afterAll(cleanUp, 30_000);

test("the first start makes a database in UTF-8 that sorts by code point", async () => {
  expect(first).toMatchObject({ adopted: false, location: join(dataDir, "postgres") });
  const [row] = await query(
    first.url,
    `select current_database() as db, current_user as who, datlocprovider as provider, datlocale as locale,
       pg_encoding_to_char(encoding) as encoding, current_setting('data_checksums') as checksums
     from pg_database where datname = current_database()`,
  );
  const made = { provider: "b", locale: "C.UTF-8", encoding: "UTF8", checksums: "on" };
  expect(row).toEqual({ db: "aetherlink", who: "aetherlink", ...made });
});

test("nothing but the data, the log and the password is left in the folder, and nobody else can read those", async () => {
  expect(await names(dataDir)).toEqual(["postgres", "postgres.log", "postgres.password"]);
  expect((await stat(join(dataDir, "postgres"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(dataDir, "postgres.log"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, "postgres.password"))).mode & 0o777).toBe(0o600);
});

test("it listens on 127.0.0.1 only and wants the password", async () => {
  const settings = "select current_setting('listen_addresses') as a, current_setting('unix_socket_directories') as s";
  expect(await query(first.url, settings)).toEqual([{ a: "127.0.0.1", s: "" }]);
  const wrong = new URL(first.url);
  wrong.password = "wrong";
  await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed");
});

test("the connection that holds the lock is made again, and the lock taken again, when it drops", async () => {
  const holder = `select pid from pg_locks where locktype = 'advisory' and objid = ${OWNER_LOCK_KEY} and granted`;
  const [before] = await query(first.url, holder);
  await query(first.url, `select pg_terminate_backend(${before?.pid})`);
  const after = await until("the lock is held by another backend", async () => {
    const [row] = await query(first.url, holder);
    return row !== undefined && row.pid !== before?.pid && row.pid;
  });
  expect(after).toBeNumber();
});

test("a second start gives the result of the first", async () => {
  expect(await server.start()).toBe(first);
});

test("stop leaves no process, and the next start has the data of the last", async () => {
  await query(first.url, "create table kept as select 42 as answer");
  await server.stop();
  await server.stop();
  expect(await serversOf(first.location)).toEqual([]);
  const again = await server.start();
  expect(again).toMatchObject({ adopted: false, location: first.location });
  expect(await query(again.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("start and stop may come in any order, and the last one called decides", async () => {
  await server.stop();
  const stoppedWhileStarting = server.start();
  const stop = server.stop();
  const refused = expect(stoppedWhileStarting).rejects.toThrow("was stopped while it was starting");
  await Promise.all([refused, stop]);
  expect(await serversOf(first.location)).toEqual([]);
  server.start().catch(() => {});
  server.stop();
  const last = await server.start();
  expect(await query(last.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await embedded(join(dataDir, "never-started")).stop();
});

test("a folder that holds something else is refused in one line that says what to do", async () => {
  const other = join(dataDir, "other");
  await mkdir(join(other, "postgres", "photos"), { recursive: true });
  await expect(embedded(other).start()).rejects.toThrow(/holds something else than PostgreSQL data: .* set DATA_DIR$/);
});

test("a start that PostgreSQL refuses fails with PostgreSQL's reason", async () => {
  await server.stop();
  await Bun.write(join(first.location, "postgresql.auto.conf"), "work_mem = 'plenty'\n");
  await expect(server.start()).rejects.toThrow(/did not start in .*: FATAL: .* contains errors \(see /);
});
