/** `aetherlink events tail` as a process of its own, on a real server. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AUDIENCE, Issuer, newKey } from "../auth/issuer.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { RunningServer } from "../support/server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { RunningCommand, runShell } from "./command.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
/** A colour, or anything else that only a terminal understands. */
const ESCAPE = "\x1b[";

let db: TestDatabase;
let server: RunningServer;
beforeAll(async () => {
  db = await testDatabase();
  server = await new RunningServer({ env: { DATABASE_URL: db.url, LOG_FORMAT: "json" } }).ready();
});
afterAll(async () => {
  await server.stop();
  await db.drop();
});

const running: RunningCommand[] = [];
afterEach(async () => {
  for (const command of running.splice(0)) await command.stop("SIGKILL");
});

function tail(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
  const command = new RunningCommand(["events", "tail", ...args], { AETHERLINK_URL: server.url, ...env });
  running.push(command);
  return command;
}

async function post(title: string, url = server.url, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, ...headers },
    body: JSON.stringify({ title }),
  });
  const { id } = await response.json();
  if (response.status !== 201) throw new Error(`a job was answered ${response.status}`);
  return id;
}

/** Posts until the command shows something: only then does it follow. */
async function following(command: RunningCommand, title = "first"): Promise<void> {
  while (command.lines.length === 0) {
    await post(title);
    await Promise.race([command.until(({ lines }) => lines.length > 0), Bun.sleep(50)]);
  }
}

describe("events tail", () => {
  test("shows each event on a line as it happens, without colours in a pipe, and ends on Ctrl-C with 0", async () => {
    const command = tail(['"a leaking roof"']);
    const about = tail(["--json", "type:JobCreated"]);
    await following(about);
    await following(command, "a leaking roof at first");
    const before = command.lines.length;
    await post("Another");
    const id = await post("A leaking roof");
    await command.until(({ out }) => out.includes("A leaking roof"));
    await about.until(({ out }) => out.includes("A leaking roof"));
    expect(command.lines.slice(before)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}  JobCreated {8}12345678  Job ${id} v1  "A leaking roof"  Open  \\d:\\d+$`,
        ),
      ),
    ]);
    expect(await command.stop()).toBe(0);
    expect(command.err).toBe("");
    const frames = about.lines.map((line) => JSON.parse(line));
    expect(frames.map(({ value }) => value.data.title)).toContain("A leaking roof");
  });

  test("on a terminal it is coloured, unless NO_COLOR says otherwise", async () => {
    await post("seen");
    const once = `events tail --since 1h --limit 1 --number 1`;
    const onTerminal = (env: Record<string, string>) =>
      runShell(`export -f aetherlink; script -qec '${once.replace(/^/, "aetherlink ")}' /dev/null`, {
        AETHERLINK_URL: server.url,
        TERM: "xterm-256color",
        SHELL: "/bin/bash",
        ...env,
      });
    const coloured = await onTerminal({});
    expect(coloured.out).toContain(`${ESCAPE}32mJobCreated`);
    const plain = await onTerminal({ NO_COLOR: "1" });
    expect(plain.out).toContain("JobCreated");
    expect(plain.out).not.toContain(ESCAPE);
  });

  test("begins in the past, with the newest only, and ends after as many as are asked for", async () => {
    for (const title of ["one", "two", "three"]) await post(title);
    const titles = async (...args: string[]) => {
      const command = tail(["--json", "--since", "1h", ...args]);
      expect(await command.ended()).toBe(0);
      return command.lines.map((line) => JSON.parse(line).value.data.title);
    };
    expect(await titles("--limit", "2", "-n", "2")).toEqual(["two", "three"]);
    // What the server cannot be asked for is matched here.
    expect(await titles("-n", "1", "data.title:tw*")).toEqual(["two"]);
    expect(await titles("-n", "1", "data.title:t*", "--", "-two")).toEqual(["three"]);
  });

  test("after a break it resumes where it stopped, without gap or repeat, and says so on standard error", async () => {
    const proxy = new TcpProxy(server.url);
    const command = tail(["--json", "resume-me"], { AETHERLINK_URL: proxy.url });
    const watched = tail(["--json", "resume-me"]);
    for (const each of [command, watched]) await following(each, "resume-me");
    await post("resume-me begin");
    await command.until(({ out }) => out.includes("begin"));
    for (let round = 1; round <= 3; round++) {
      proxy.reset();
      for (let n = 0; n < 20; n++) await post(`resume-me ${round}.${n}`);
      await command.until(({ err }) => (err.match(/the stream is back, resumed behind /g) ?? []).length === round);
    }
    await post("resume-me end");
    const titles = (lines: string[]) => lines.map((line) => JSON.parse(line).value.data.title);
    for (const each of [command, watched]) {
      // All of them, and each once: 60, and the two around them. Of different partitions any may come first.
      await each.until(({ lines }) => titles(lines).some((title) => title === "resume-me end"));
      await each.until(({ lines }) => titles(lines).filter((title) => title !== "resume-me").length >= 62);
      const seen = titles(each.lines).filter((title) => title !== "resume-me");
      expect(new Set(seen).size).toBe(62);
      expect(seen).toHaveLength(62);
    }
    expect(command.err.match(/the stream broke: /g)).toHaveLength(3);
    expect(await command.stop("SIGTERM")).toBe(0);
    proxy.stop();
  });

  test("ends quietly when its reader has seen enough", async () => {
    await post("enough");
    // Posts go on, so that there is something to write when nobody reads any more.
    const posts = setInterval(() => void post("more").catch(() => {}), 20);
    const { code, out, err } = await runShell(
      "set -o pipefail; aetherlink events tail --since 1h --json | head -n 1 | wc -l",
      { AETHERLINK_URL: server.url },
    );
    clearInterval(posts);
    expect({ code, out: out.trim(), err }).toEqual({ code: 0, out: "1", err: "" });
  });

  test("where its output is full it says so in one line and ends with 1", async () => {
    await post("no room");
    const full = await runShell("aetherlink events tail --since 1h > /dev/full", { AETHERLINK_URL: server.url });
    const err = "standard output cannot be written: no space left on device\n";
    expect(full).toEqual({ code: 1, out: "", err });
  });

  test("what strangers write cannot steer the terminal", async () => {
    await post("harmless \u001b[2Jwiped \u202etxt");
    const command = tail(["--since", "1h", "-n", "1", "harmless"]);
    expect(await command.ended()).toBe(0);
    expect(command.out).toContain('"harmless \\u{1b}[2Jwiped \\u{202e}txt"');
  });

  test.each([
    [["typ:Job*"], 2, "typ: is no key; did you mean type:"],
    [["--since", "yesterday"], 2, "--since is 90s, 10m, 2h, 7d"],
    [["--limit", "many"], 2, "--limit is a whole number"],
    [["-n", "0"], 2, "--number is a whole number"],
    [["--url", "localhost"], 2, "--url is the address of a server"],
    [["--url", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1: nobody listens there"],
    // A password is not for whoever reads the log.
    [["--url", "http://me:secret@127.0.0.1:1"], 1, "http://127.0.0.1:1: nobody listens there"],
  ])("%p is answered by one line", async (args, code, line) => {
    const command = tail(args);
    expect(await command.ended()).toBe(code);
    expect(command.out).toBe("");
    expect(command.err).toContain(line);
    expect(command.err.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("events tail where a token is needed", () => {
  let issuer: Issuer;
  let guarded: RunningServer;
  let folder = "";
  let own: TestDatabase;
  beforeAll(async () => {
    own = await testDatabase();
    folder = await mkdtemp(join(tmpdir(), "aetherlink-token-"));
    issuer = await new Issuer([await newKey("a")]).start();
    const env = { DATABASE_URL: own.url, LOG_FORMAT: "json", OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE };
    guarded = await new RunningServer({ env }).ready();
  });
  afterAll(async () => {
    await guarded.stop();
    await issuer.stop();
    await own.drop();
    await rm(folder, { recursive: true, force: true });
  });

  test("without one it is told what to set", async () => {
    const command = tail([], { AETHERLINK_URL: guarded.url });
    expect(await command.ended()).toBe(1);
    expect(command.err).toStartWith(`${guarded.url} answered 401: `);
    expect(command.err).toEndWith("; set AETHERLINK_TOKEN, or AETHERLINK_TOKEN_FILE\n");
  });

  test("a token in a file, or in a variable, lets it in; it is never shown", async () => {
    const token = await issuer.token({ tenants: [TENANT] });
    const file = join(folder, "token");
    await writeFile(file, `${token}\n`);
    await post("guarded", guarded.url, { Authorization: `Bearer ${token}` });
    for (const env of [{ AETHERLINK_TOKEN_FILE: file }, { AETHERLINK_TOKEN: token }]) {
      const command = tail(["--since", "1h", "-n", "1"], { AETHERLINK_URL: guarded.url, ...env });
      expect(await command.ended()).toBe(0);
      expect(command.out).toContain('"guarded"');
      expect(command.out + command.err).not.toContain(token);
    }
  });
});
