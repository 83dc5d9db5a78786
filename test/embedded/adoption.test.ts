import { afterAll, beforeAll, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isRoot, unprivilegedAccount } from "../../src/db/embedded/account.ts";
import {
  cleanUp,
  embedded,
  killServer,
  Owner,
  query,
  startedSchema,
  temporaryFolder,
  until,
} from "../../src/db/embedded/harness.fixture.ts";
import { findPostmaster } from "../../src/db/embedded/postmaster.ts";
import { serversOf } from "../../src/db/embedded/processes.ts";
import { identity } from "../../src/db/embedded/run.ts";

// One data folder for all tests: each leaves its server stopped.
let dataDir: string;
let location: string;

beforeAll(async () => {
  dataDir = join(await temporaryFolder(), ".data");
  const maker = embedded(dataDir);
  location = (await maker.start()).location;
  await maker.stop();
}, 30_000);
afterAll(cleanUp, 30_000);

test("what an owner left behind that was killed is adopted, and stopped by the one who adopted it", async () => {
  const owner = new Owner(dataDir);
  const left = await owner.started();
  await owner.kill();
  const heir = embedded(dataDir);
  expect(await heir.start()).toEqual({ ...left, adopted: true });
  await heir.stop();
  expect(await serversOf(location)).toEqual([]);
});

test("Ctrl-C reaches the server program but not PostgreSQL", async () => {
  const owner = new Owner(dataDir);
  const { url } = await owner.started();
  // What a terminal does: the signal goes to the whole process group.
  process.kill(-owner.pid, "SIGINT");
  expect(await owner.line()).toEqual({ signal: "SIGINT" });
  const postmaster = await findPostmaster(location);
  expect(postmaster?.state).toBe("ready");
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
  await owner.kill();
  await killServer(location);
});

test("a killed postmaster is no obstacle, though its backends still work", async () => {
  const first = embedded(dataDir);
  const { url } = await first.start();
  const busy = query(url, "select 'busy', count(*) from generate_series(1, 1e9)").catch((error: unknown) => error);
  await until("the backend works", async () => {
    const active = "select 1 from pg_stat_activity where state = 'active' and query like 'select ''busy''%'";
    return (await query(url, active)).length > 0;
  });
  const postmaster = await findPostmaster(location);
  if (postmaster) process.kill(postmaster.pid, "SIGKILL");
  await until("the postmaster is gone", async () => (await findPostmaster(location)) === undefined);
  expect(await serversOf(location)).not.toEqual([]);
  const next = embedded(dataDir);
  expect(await next.start()).toMatchObject({ adopted: false });
  expect(await busy).toBeInstanceOf(Error);
  await next.stop();
  await first.stop();
}, 15_000);

test("a postmaster.pid is stale when its process id belongs to something else by now", async () => {
  // PostgreSQL itself would refuse: a process of the same user lives under that id.
  const account = isRoot() ? unprivilegedAccount() : undefined;
  const other = Bun.spawn(["sleep", "60"], { cwd: "/", ...identity(account) });
  await writeFile(
    join(location, "postmaster.pid"),
    `${other.pid}\n${location}\n1795431619\n54321\n\n127.0.0.1\n\nready   \n`,
  );
  const server = embedded(dataDir);
  expect(await server.start()).toMatchObject({ adopted: false });
  await server.stop();
  expect(other.exitCode).toBeNull();
  other.kill();
});

test("a server whose password was lost is stopped, given a new one and started again", async () => {
  const owner = new Owner(dataDir);
  const old = await owner.started();
  await owner.kill();
  await rm(join(dataDir, "postgres.password"));
  const server = embedded(dataDir);
  const { url, adopted } = await server.start();
  expect(adopted).toBe(false);
  expect(new URL(url).password).not.toBe(new URL(old.url).password);
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
  await server.stop();
});

test("of programs that start at the same moment or later only one gets the server, undisturbed by the others", async () => {
  const both = [new Owner(dataDir), new Owner(dataDir)];
  const lines = both.map((owner) => owner.line());
  await Promise.race(lines);
  const third = embedded(dataDir);
  const refusal = `another AetherLink already uses ${dataDir}: stop it, or set DATA_DIR to another folder`;
  await expect(third.start()).rejects.toThrow(refusal);
  await third.stop();
  const said = await Promise.all(lines);
  expect(said).toContainEqual({ error: `EmbeddedPostgresError: ${refusal}` });
  const won = said.map((line) => startedSchema.safeParse(line).data).find((started) => started !== undefined);
  expect(await query(won?.url ?? "", "select 1 as one")).toEqual([{ one: 1 }]);
  await Promise.all(both.map((owner) => owner.kill()));
  await killServer(location);
}, 15_000);
