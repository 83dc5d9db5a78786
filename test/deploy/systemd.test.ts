/** deploy/aetherlink.service against systemd's own tools, and what the server tells a service manager. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sendDatagram } from "../../src/cli/systemd.ts";
import { describeConfig, readConfig } from "../../src/config.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { ROOT, RunningServer } from "../support/server.ts";
import { until } from "../support/wait.ts";

const UNIT = join(ROOT, "deploy", "aetherlink.service");
const text = await Bun.file(UNIT).text();
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] ?? "";

/** A tool, or undefined: then its tests are left out, but in CI that is a failure. */
function tool(name: string): string | undefined {
  const path = Bun.which(name);
  if (path === null && process.env.CI) throw new Error(`${name} must be installed in CI`);
  return path ?? undefined;
}

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aetherlink-systemd-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the unit", () => {
  test.skipIf(tool("systemd-analyze") === undefined)("is one that systemd takes without a word", async () => {
    const copy = join(folder, "aetherlink.service");
    // Where the binary is not installed, another program stands for it.
    await Bun.write(copy, text.replaceAll("/usr/local/bin/aetherlink", process.execPath));
    const child = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", copy]);
    expect({ code: child.exitCode, said: `${child.stdout}${child.stderr}` }).toEqual({ code: 0, said: "" });
    await Bun.write(copy, text.replace("ProtectSystem=strict", "ProtectSystem=perhaps"));
    expect(`${Bun.spawnSync(["systemd-analyze", "verify", "--man=no", copy]).stderr}`).toContain(
      "protect system value",
    );
  });

  test.skipIf(tool("systemd-analyze") === undefined)("exposes less than 2 of 10, by systemd's own count", () => {
    const threshold = (of10: number) =>
      Bun.spawnSync(["systemd-analyze", "security", "--offline=yes", `--threshold=${of10 * 10}`, UNIT]).exitCode;
    expect(threshold(2)).toBe(0);
    expect(threshold(1)).not.toBe(0);
  });

  test("gives the server longer to stop than it takes at most, and tells it alone", () => {
    const seconds = Number(/^(\d+)s$/.exec(setting("TimeoutStopSec"))?.[1]);
    expect(seconds * 1_000).toBeGreaterThan(readConfig({}).SHUTDOWN_TIMEOUT_MS + 5_000);
    expect(setting("KillMode")).toBe("mixed");
    expect(setting("Type")).toBe("notify");
  });

  test("sets variables that the server knows, and keeps data in the folder that is its own", () => {
    const given = Object.fromEntries(
      [...text.matchAll(/^Environment=([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const known = describeConfig().map(({ name }) => name);
    for (const name of Object.keys(given)) expect(known).toContain(name);
    expect(readConfig(given).DATA_DIR).toStartWith(`/var/lib/${setting("StateDirectory")}/`);
  });
});

/** Listens on a Unix datagram socket, as systemd does, in Python: Bun has none. Prints what comes as JSON, one a line. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("null", flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)
`;

class Listener {
  readonly messages: string[] = [];
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  #isBound = false;

  constructor(name: string) {
    this.#process = Bun.spawn(["python3", "-c", LISTENER, name], { stdio: ["ignore", "pipe", "inherit"] });
    void this.#collect();
  }

  async bound(): Promise<this> {
    await until("the socket is bound", 10_000, () => this.#isBound);
    return this;
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #collect(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message: unknown = JSON.parse(line);
        if (typeof message === "string") this.messages.push(message);
        else this.#isBound = true;
      }
    }
  }
}

describe.skipIf(tool("python3") === undefined)("a service manager that listens", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db.drop());

  test.each(["a path", "an abstract name"])(
    "on %s is told READY, then WATCHDOG in time, then STOPPING",
    async (kind) => {
      const name = kind === "a path" ? join(folder, "notify") : `@aetherlink-${crypto.randomUUID()}`;
      const listener = await new Listener(name).bound();
      const server = new RunningServer({
        env: { DATABASE_URL: db.url, LOG_FORMAT: "json", NOTIFY_SOCKET: name, WATCHDOG_USEC: "200000" },
      });
      await server.ready();
      await until("READY came", 5_000, () => listener.messages.length > 0);
      expect(listener.messages[0]).toBe(`READY=1\nSTATUS=Serving on ${server.url}`);
      await until("the watchdog was told thrice", 5_000, () => listener.messages.length >= 4);
      expect(await server.stop()).toBe(0);
      await until("STOPPING came", 5_000, () =>
        listener.messages.some((message) => message.startsWith("STOPPING=1\n")),
      );
      expect(new Set(listener.messages.slice(1))).toEqual(new Set(["WATCHDOG=1", "STOPPING=1\nSTATUS=Stopping"]));
      await listener.stop();
    },
  );

  test("is not told READY by a server that cannot start", async () => {
    const name = join(folder, "notify");
    const listener = await new Listener(name).bound();
    const env = { DATABASE_URL: "postgres://crm:x@127.0.0.1:1/crm", NOTIFY_SOCKET: name, LOG_FORMAT: "json" };
    expect(await new RunningServer({ env }).exited()).toBe(1);
    expect(sendDatagram(name, "the end")).toBe(true);
    await until("what was sent last came", 5_000, () => listener.messages.length > 0);
    expect(listener.messages).toEqual(["the end"]);
    await listener.stop();
  });

  test("that is of another process gets no watchdog; one that is gone disturbs nobody", async () => {
    const name = join(folder, "notify");
    const listener = await new Listener(name).bound();
    const env = {
      DATABASE_URL: db.url,
      LOG_FORMAT: "json",
      NOTIFY_SOCKET: name,
      WATCHDOG_USEC: "20000",
      WATCHDOG_PID: "1",
    };
    const server = await new RunningServer({ env }).ready();
    await until("READY came", 5_000, () => listener.messages.length > 0);
    await listener.stop();
    expect(listener.messages).toHaveLength(1);
    expect(sendDatagram(name, "x")).toBe(false);
    expect(sendDatagram(`/${"x".repeat(200)}`, "x")).toBe(false);
    expect(await server.stop()).toBe(0);
  });
});
