/**
 * From a fresh checkout to the first event on the page, by what the README says and nothing else: its command line, the page
 * that the terminal names in a browser, the curl line that it prints; then Ctrl-C. Package caches are warm.
 */
import { chmod, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findChromium, launchChromium } from "../../test/browser/chromium.ts";
import { ROOT, RunningServer } from "../../test/support/server.ts";
import type { Question } from "../harness/question.ts";

const ROUNDS = 3;

export const firstEvent: Question = {
  name: "first-event",
  asks: "How soon after git clone is the first event on the page, by the README's own lines?",
  needs: ["chromium"],
  inQuick: false,
  async measure(bench) {
    const readme = await Bun.file(join(ROOT, "README.md")).text();
    const command = /^ {4}(.*bun run dev)$/m.exec(readme)?.[1];
    if (command === undefined) throw new Error("the README has no command line that ends in bun run dev");
    // What is run before and not counted makes the caches warm.
    const taken = await bench.inTurn({ checkout: () => measure(command) }, { rounds: ROUNDS });
    bench.figure({ what: "git clone → ready", unit: "s", values: taken.of("checkout", "ready"), digits: 1 });
    bench.figure({
      what: "git clone → the event's row on the page",
      unit: "s",
      values: taken.of("checkout", "event"),
      digits: 1,
      bar: { atMost: 90 },
    });
    bench.figure({ what: "Ctrl-C → ended", unit: "s", values: taken.of("checkout", "stop"), digits: 1 });
    bench.note(
      `By \`${command}\`, the page in Chromium and the curl line that the terminal prints. ` +
        "After Ctrl-C no process was left, and `git status` had nothing to say.",
    );
  },
};

/** Seconds since the clone was begun, and those that Ctrl-C took. */
type Round = { readonly ready: number; readonly event: number; readonly stop: number };

async function measure(command: string): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-first-"));
  // PostgreSQL does not run as root, and would keep its data elsewhere.
  await chmod(folder, 0o755);
  const checkout = join(folder, "aetherlink");
  const began = performance.now();
  const since = () => (performance.now() - began) / 1_000;
  try {
    shell(`git clone -q '${ROOT}' '${checkout}'`, folder);
    const server = new RunningServer({
      command: ["bash", "-c", command],
      cwd: checkout,
      env: environment(folder),
    });
    try {
      await server.until((output) => /Send a first event:\n\n[\s\S]*?\n\n/.test(output));
      const ready = since();
      const event = await showFirstEvent(server.output).then(since);
      const stopping = performance.now();
      // What a terminal does: the whole group gets it.
      process.kill(-server.process.pid, "SIGINT");
      await server.exited();
      const stop = (performance.now() - stopping) / 1_000;
      await nothingIsLeft(folder, checkout);
      return { ready, event, stop };
    } finally {
      if (server.process.exitCode === null) process.kill(-server.process.pid, "SIGKILL");
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Global packages go into a folder of this round; no variable of ours reaches the server. */
function environment(folder: string): Record<string, string> {
  const prefix = join(folder, "npm");
  const npm = dirname(Bun.which("npm") ?? "/usr/bin/npm");
  const unset = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /^(KAFKA|OIDC|DATABASE)_/.test(name))
      .map((name) => [name, ""]),
  );
  return {
    ...unset,
    PORT: process.env.FIRST_EVENT_PORT ?? "",
    npm_config_prefix: prefix,
    PATH: `${prefix}/bin:${npm}:/usr/bin:/bin`,
  };
}

/** Opens the page that the terminal names, pastes the line that it prints, and waits for the row. */
async function showFirstEvent(output: string): Promise<void> {
  const [, page = ""] = /Page +(\S+)/.exec(output) ?? [];
  const [, curl = ""] = /Send a first event:\n\n([\s\S]*?)\n\n/.exec(output) ?? [];
  const chromium = findChromium();
  if ("missing" in chromium) throw new Error(chromium.missing);
  const browser = await launchChromium(chromium.path);
  try {
    const opened = await browser.newPage();
    await opened.goto(page);
    await opened.locator('.status[data-connection="live"]').waitFor();
    shell(curl, tmpdir());
    await opened.locator(".event", { hasText: "Test Job" }).waitFor();
  } finally {
    await browser.close();
  }
}

function shell(line: string, cwd: string): void {
  const child = Bun.spawnSync(["bash", "-c", line], { cwd, stdin: "ignore" });
  if (!child.success) throw new Error(`${line}: ${child.stderr}`);
}

/** @throws {Error} when a process works in the folder or has a file of it open as its program, or the checkout is another */
async function nothingIsLeft(folder: string, checkout: string): Promise<void> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const paths = await Promise.all(["cwd", "exe"].map((name) => readlink(`/proc/${pid}/${name}`).catch(() => "")));
    if (!paths.some((path) => path.startsWith(folder))) continue;
    throw new Error(`left behind: ${pid} ${await readFile(`/proc/${pid}/cmdline`, "utf8")}`);
  }
  const status = Bun.spawnSync(["git", "status", "--porcelain"], { cwd: checkout }).stdout.toString();
  if (status !== "") throw new Error(`git status says\n${status}`);
}
