import { afterEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../test/support/wait.ts";
import { processesOf } from "./proc.ts";
import { Run } from "./run.ts";

const MAIN = join(import.meta.dir, "run.fixture.ts");
const runs: Run[] = [];

afterEach(async () => {
  for (const run of runs.splice(0)) await run.stop();
});

async function start(name: string): Promise<Run> {
  const run = await Run.start(MAIN, name, true);
  runs.push(run);
  return run;
}

test("a question's figures come back from its process, and nothing of it stays", async () => {
  const run = await start("answers");
  const { figures, notRun } = await run.outcome(20_000);
  expect(notRun).toBeUndefined();
  expect(figures).toEqual([{ what: "the answer", unit: "", values: [42] }]);
  expect(existsSync(run.folder)).toBe(false);
  expect(processesOf(run.folder)).toEqual([]);
});

test("a question that throws is named as failed, with its reason, and keeps what it had measured", async () => {
  const { figures, notRun } = await (await start("throws")).outcome(20_000);
  expect(notRun).toBe("failed: the wheel came off");
  expect(figures).toHaveLength(1);
});

test("a question that does not end is stopped, with what it had started and what has left its group", async () => {
  const run = await start("hangs");
  // The question itself, a child, and one in a session of its own that ignores SIGTERM.
  await until("all have started", 20_000, async () => processesOf(run.folder).length >= 3);
  const { notRun } = await run.outcome(1);
  expect(notRun).toStartWith("not at its end");
  expect(processesOf(run.folder)).toEqual([]);
  expect(existsSync(run.folder)).toBe(false);
});
