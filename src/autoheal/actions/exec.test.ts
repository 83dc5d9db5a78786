import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExecOptions, execCommand } from "./exec.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "aetherlink-exec-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PATH = "/usr/local/bin:/usr/bin:/bin";
const run = (command: string[], more: Partial<ExecOptions> = {}) =>
  execCommand({ command, timeoutMs: 20_000, env: {}, path: PATH, ...more });
/** Resolves when no process of the number is left: neither running nor waiting to be buried. */
const gone = async (pid: number) => {
  while (existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")))
    await Bun.sleep(5);
};
const written = async (file: string) => {
  while (!existsSync(file) || readFileSync(file, "utf8") === "") await Bun.sleep(5);
  return Number(readFileSync(file, "utf8"));
};

describe("a command", () => {
  test("is run without a shell: what shells read means nothing", async () => {
    const words = ["$HOME", "`id`", "$(id)", "; id", "&& id", "| id", "> /tmp/x", "*", "a b", "'", '"'];
    const { exitCode, output } = await run(["/usr/bin/printf", "%s\\n", ...words]);
    expect(exitCode).toBe(0);
    expect(output.split("\n")).toEqual(words);
  });

  test("is told its variables and PATH, and nothing of the server's environment, secrets least of all", async () => {
    process.env.AUTOHEAL_TEST_SECRET = "hunter2";
    const { output } = await run(["env"], { env: { AUTOHEAL_TARGET: "redpanda" } });
    delete process.env.AUTOHEAL_TEST_SECRET;
    expect(output.split("\n").toSorted()).toEqual(["AUTOHEAL_TARGET=redpanda", `PATH=${PATH}`]);
  });

  test("is found by that PATH, and one that is not there is an error and no answer", async () => {
    expect((await run(["true"])).exitCode).toBe(0);
    await expect(run(["aetherlink-no-such-program"])).rejects.toThrow(/not found|ENOENT/);
    await expect(run(["/etc/hostname"])).rejects.toThrow(/EACCES|ENOEXEC/);
  });

  test("says its exit code and what it wrote to either output", async () => {
    expect(await run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])).toMatchObject({
      exitCode: 3,
      killed: undefined,
      output: expect.stringMatching(/^(out\nerr|err\nout)$/),
    });
  });

  test("that writes without end is read and cut, NUL and broken UTF-8 made harmless", async () => {
    const { exitCode, output } = await run(["/bin/sh", "-c", "head -c 1000000 /dev/zero; printf '\\377'"]);
    expect(exitCode).toBe(0);
    expect(output).toHaveLength(4_096);
    expect(output).not.toContain("\0");
    expect((await run(["/usr/bin/printf", "a\\377b"])).output).toBe("a\ufffdb");
  });

  test("is not waited for by its standard input", async () => {
    expect((await run(["cat"])).exitCode).toBe(0);
  });
});

describe("a command that hangs", () => {
  test("is ended when its time is over, and so is everything that it started", async () => {
    const file = join(folder, "child");
    const began = performance.now();
    const running = run(["/bin/sh", "-c", `sleep 1000 & echo $! > ${file}; echo begun; wait`], { timeoutMs: 300 });
    const child = await written(file);
    expect(await running).toEqual({ exitCode: null, killed: "late", output: "begun" });
    await gone(child);
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test("and does not listen is killed, with children that do not either", async () => {
    const file = join(folder, "deaf");
    const script = `trap '' TERM; sh -c "trap '' TERM; echo \\$\\$ > ${file}; while :; do sleep 0.05; done" & while :; do sleep 0.05; done`;
    const running = run(["/bin/sh", "-c", script], { timeoutMs: 300 });
    const child = await written(file);
    expect((await running).killed).toBe("late");
    await gone(child);
  });

  test("is ended at once when told to, also when that was before it began", async () => {
    const abort = new AbortController();
    const running = run(["sleep", "1000"], { signal: abort.signal });
    abort.abort();
    expect((await running).killed).toBe("aborted");
    expect((await run(["sleep", "1000"], { signal: abort.signal })).killed).toBe("aborted");
  });
});

test("what a command leaves running when it ends by itself is not waited for, and left alone", async () => {
  const file = join(folder, "service");
  const { exitCode, killed } = await run(["/bin/sh", "-c", `sleep 1000 & echo $! > ${file}`]);
  expect({ exitCode, killed }).toEqual({ exitCode: 0, killed: undefined });
  const service = await written(file);
  expect(existsSync(`/proc/${service}`)).toBe(true);
  process.kill(service, "SIGKILL");
  await gone(service);
});
