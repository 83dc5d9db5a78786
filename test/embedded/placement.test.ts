import { afterAll, expect, test } from "bun:test";
import { chown, lstat, mkdir, readlink, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { isRoot, unprivilegedAccount } from "../../src/db/embedded/account.ts";
import {
  cleanUp,
  embedded,
  killServer,
  Log,
  names,
  Owner,
  query,
  temporaryFolder,
  until,
} from "../../src/db/embedded/harness.fixture.ts";
import { place } from "../../src/db/embedded/placement.ts";
import { serversOf } from "../../src/db/embedded/processes.ts";
import { run } from "../../src/db/embedded/run.ts";
import { findServerFiles } from "../../src/db/embedded/server-files.ts";

const AS_ROOT = isRoot() ? "" : " (skipped: needs root)";
const account = isRoot() ? unprivilegedAccount() : undefined;
const fixtureRuns = account && (await run([process.execPath, "--version"], account)).code === 0;
const fixtureReads = account && (await run(["/bin/sh", "-c", 'cd -- "$1"', "sh", import.meta.dir], account)).code === 0;
const AS_USER =
  fixtureRuns && fixtureReads ? "" : " (skipped: needs root, and a bun and a checkout that 'nobody' can read)";

afterAll(cleanUp, 30_000);

test("an interrupted first start leaves nothing in the way of the next", async () => {
  const dataDir = join(await temporaryFolder(), ".data");
  const owner = new Owner(dataDir);
  const isHalfDone = (name: string) => name.startsWith("postgres.new-");
  const half = await until("initdb has begun", async () => {
    const name = (await names(dataDir)).find(isHalfDone);
    return name !== undefined && (await names(join(dataDir, name))).includes("PG_VERSION") && name;
  });
  await owner.kill();
  expect(await names(dataDir)).toContain(half);
  const server = embedded(dataDir);
  const { url } = await server.start();
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
  expect((await names(dataDir)).filter(isHalfDone)).toEqual([]);
  await server.stop();
}, 15_000);

test.skipIf(AS_ROOT !== "")(
  `below a folder that only root can enter, the data is kept elsewhere${AS_ROOT}`,
  async () => {
    const checkout = join(await temporaryFolder("closed-", 0o700), "my checkout");
    const dataDir = join(checkout, ".data");
    const log = new Log();
    const first = embedded(dataDir, log);
    const { url, location } = await first.start();
    expect(location).toMatch(/^\/var\/lib\/aetherlink\/data\/my-checkout-[0-9a-f]{8}$/);
    expect(await readlink(join(dataDir, "postgres"))).toBe(location);
    expect(log.lines).toEqual([`info the PostgreSQL user cannot reach ${dataDir}, so its data is kept elsewhere`]);
    await query(url, "create table kept as select 42 as answer");
    await first.stop();

    const second = embedded(dataDir);
    const again = await second.start();
    expect(again.location).toBe(location);
    expect(await query(again.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    await second.stop();

    // As when /var/lib is not that of the last container.
    await rm(location, { recursive: true });
    const third = embedded(dataDir, log);
    const anew = await third.start();
    expect(log.lines.at(1)).toStartWith(`warn ${join(dataDir, "postgres")} leads to a folder that is gone`);
    await third.stop();
    await rm(anew.location, { recursive: true });
  },
  15_000,
);

test.skipIf(AS_ROOT !== "")(`server files that only root can reach are copied, whole and once${AS_ROOT}`, async () => {
  const found = findServerFiles();
  if (!found) throw new Error("the platform package is not installed");
  const closed = await temporaryFolder("closed-", 0o700);
  const files = { root: join(closed, "package"), version: `test-${crypto.randomUUID().slice(0, 8)}` };
  await symlink(found.root, files.root);
  const placed = await Promise.all([1, 2].map((n) => place(join(closed, `${n}`, ".data"), files, () => {})));
  const copy = `/var/lib/aetherlink/postgresql-${files.version}`;
  try {
    expect(placed.map((placement) => placement.files)).toEqual([copy, copy]);
    const parent = await names("/var/lib/aetherlink");
    expect(parent.filter((name) => name.startsWith(`postgresql-${files.version}.`))).toEqual([]);
    expect((await stat(join(copy, "native/share/postgresql/postgres.bki"))).mode & 0o004).toBe(0o004);
    expect((await lstat(join(copy, "native/lib/libpq.so.5"))).isSymbolicLink()).toBe(process.platform === "linux");
    expect((await run([join(copy, "native/bin/initdb"), "--version"], account)).output).toContain("PostgreSQL");
  } finally {
    await rm(copy, { recursive: true });
  }
});

test.skipIf(AS_USER !== "")(
  `an ordinary user has the data in place, and root leaves it that user's${AS_USER}`,
  async () => {
    const dataDir = join(await temporaryFolder(), ".data");
    await mkdir(dataDir);
    await chown(dataDir, account?.uid ?? 0, account?.gid ?? 0);
    const owner = new Owner(dataDir, account);
    const { location } = await owner.started();
    expect(location).toBe(join(dataDir, "postgres"));
    expect(await stat(location)).toMatchObject({ uid: account?.uid, mode: 0o040700 });
    await owner.kill();
    await killServer(location);
    expect(await serversOf(location)).toEqual([]);
    const root = embedded(dataDir);
    expect(await root.start()).toMatchObject({ adopted: false, location });
    await root.stop();
  },
);
