/** Standard output that takes nothing: a full disk, which /dev/full stands for, and a pipe whose reader has left. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/folder.ts";
import { processesWith, RunningServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { runShell } from "./command.ts";

const FULL = "standard output cannot be written: no space left on device";

let folder = "";
let server: RunningServer | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aetherlink-output-"));
  // Else PostgreSQL, which does not run as root, could not go there.
  await chmod(folder, 0o755);
});
afterEach(async () => {
  await server?.stop("SIGKILL");
  server = undefined;
  for (const pid of await processesWith(folder)) process.kill(pid, "SIGQUIT");
  await until("PostgreSQL is gone", 10_000, async () => (await processesWith(folder)).length === 0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["is full", "/dev/full", FULL],
  ["is read no more", ">(head -n 1)", "standard output cannot be written: broken pipe"],
])(
  "a server whose standard output %s says so once, serves on, and ends on SIGTERM with 0 and with its PostgreSQL",
  async (_, output, why) => {
    const port = freePort(25_300);
    server = new RunningServer({
      // Lines of JSON, and then the banner, which is written another way.
      command: ["bash", "-c", `exec "$0" src/main.ts serve > ${output}`, process.execPath],
      env: { PORT: String(port), DATA_DIR: join(folder, "data"), LOG_FORMAT: "auto" },
    });
    await server.until((printed) => printed.includes(why));
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/healthz/ready`)).status === 200;
    await until("it is ready", 20_000, ready);
    // Each has a line in the log.
    for (let n = 0; n < 20; n++) expect(await ready()).toBe(true);
    expect(await processesWith(folder)).not.toEqual([]);
    expect(await server.stop()).toBe(0);
    expect(await processesWith(folder)).toEqual([]);
    const told = server.output.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
    expect(told).toEqual([`aetherlink: ${why}; the server goes on`]);
  },
  30_000,
);

test.each(["--help", "version", "grafana export dashboards"])(
  "%s into a full standard output is one line on standard error and exit code 1",
  async (command) => {
    expect(await runShell(`aetherlink ${command} > /dev/full`, {}, { cwd: folder })).toEqual({
      code: 1,
      out: "",
      err: `${FULL}\n`,
    });
  },
);

test("what cannot be written on standard error either does not change the exit code", async () => {
  expect(await runShell("aetherlink frob > /dev/full 2>&1")).toEqual({ code: 2, out: "", err: "" });
  expect(await runShell("aetherlink --help > /dev/full 2>&1")).toEqual({ code: 1, out: "", err: "" });
});
