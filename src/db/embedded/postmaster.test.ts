import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { realpath, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cleanUp, temporaryFolder } from "./harness.fixture.ts";
import { endPostmaster, findPostmaster, removeStalePidFile } from "./postmaster.ts";
import { isServerOf } from "./processes.ts";

afterAll(cleanUp);

const folder = async () => realpath(await temporaryFolder());
const pidFileOf = (pid: number, data: string) => `${pid}\n${data}\n1795431619\n54321\n\n127.0.0.1\n\nready   \n`;

test("a postmaster.pid that PostgreSQL has made but not yet written belongs to a server that starts", async () => {
  const data = await folder();
  const path = join(data, "postmaster.pid");
  await writeFile(path, "");
  expect(await findPostmaster(data)).toEqual({ pid: 0, port: 0, state: "starting" });
  await removeStalePidFile(data);
  expect(existsSync(path)).toBe(true);
});

test("an empty postmaster.pid that has been there for a while was left by a power cut", async () => {
  const data = await folder();
  const path = join(data, "postmaster.pid");
  await writeFile(path, "");
  await utimes(path, new Date(0), new Date(0));
  expect(await findPostmaster(data)).toBeUndefined();
  await removeStalePidFile(data);
  expect(existsSync(path)).toBe(false);
});

test("a living process is no server of a folder for having its id in postmaster.pid, and is not stopped", async () => {
  const data = await folder();
  const sleeper = Bun.spawn(["sleep", "60"], { cwd: data });
  await writeFile(join(data, "postmaster.pid"), pidFileOf(sleeper.pid, data));
  expect(await isServerOf(sleeper.pid, data)).toBe(false);
  expect(await findPostmaster(data)).toBeUndefined();
  await endPostmaster(sleeper.pid, data);
  expect(sleeper.exitCode).toBeNull();
  sleeper.kill();
});

test("no postmaster.pid, no server", async () => {
  const data = await folder();
  expect(await findPostmaster(data)).toBeUndefined();
  await removeStalePidFile(data);
});
