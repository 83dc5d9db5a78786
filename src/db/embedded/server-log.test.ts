import { afterAll, expect, test } from "bun:test";
import { appendFileSync, closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, temporaryFolder } from "./harness.fixture.ts";
import { lastComplaint, logSize, readLogFrom, shortenLog } from "./server-log.ts";

afterAll(cleanUp);

test("a long log is set aside, and what has it open goes on at its new end", async () => {
  const path = join(await temporaryFolder(), "postgres.log");
  const held = openSync(path, "a");
  writeSync(held, "x".repeat(5 * 1024 * 1024));
  await shortenLog(path);
  writeSync(held, "after");
  closeSync(held);
  expect(await logSize(`${path}.1`)).toBe(5 * 1024 * 1024);
  expect(await Bun.file(path).text()).toBe("after");
});

test("a short log stays, and none is no error", async () => {
  const path = join(await temporaryFolder(), "postgres.log");
  await shortenLog(path);
  appendFileSync(path, "short");
  await shortenLog(path);
  expect(await logSize(path)).toBe(5);
  expect(await logSize(`${path}.1`)).toBe(0);
});

test("a log is read from where it was, at most its last 64 KiB", async () => {
  const path = join(await temporaryFolder(), "postgres.log");
  appendFileSync(path, "before");
  const offset = await logSize(path);
  appendFileSync(path, "after");
  expect(await readLogFrom(path, offset)).toBe("after");
  appendFileSync(path, "y".repeat(100_000));
  expect(await readLogFrom(path, offset)).toHaveLength(65_536);
});

test.each([
  [
    "the last error counts, not what is said after it, and goes without time and process",
    "2026-11-23 11:10:57.532 UTC [22263] LOG:  starting\n" +
      "2026-11-23 11:10:57.532 UTC [22263] FATAL:  could not create any TCP/IP sockets\n" +
      "2026-11-23 11:10:57.532 UTC [22263] LOG:  database system is shut down\n",
    "FATAL:  could not create any TCP/IP sockets",
  ],
  [
    "its detail belongs to it",
    "2026-11-23 11:10:57.532 UTC [1] FATAL:  database files are incompatible with server\n" +
      "2026-11-23 11:10:57.532 UTC [1] DETAIL:  The data directory was initialized by PostgreSQL version 17.\n",
    "FATAL:  database files are incompatible with server (The data directory was initialized by PostgreSQL version 17.)",
  ],
  ["initdb writes its name before it", "ok\ninitdb: error: no space\ninitdb: removing", "initdb: error: no space"],
  ["without an error it is the last line", "one\ntwo\n\n", "two"],
  ["silence is said so", "", "it said nothing"],
])("of what PostgreSQL said: %s", (_rule, log, line) => {
  expect(lastComplaint(log)).toBe(line);
});
