import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, cp, mkdtemp, readFile, realpath, rm, symlink, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesWith, ROOT, RunningServer, type StartOptions } from "./support/server.ts";

/** The README promises an end within 5 s. */
const STOP_LIMIT_MS = 5_000;
const TENANT = "12345678-1234-1234-1234-123456789012";

let folder = "";
const servers: RunningServer[] = [];

beforeEach(async () => {
  // A space in the path, as people's home folders have.
  folder = await realpath(await mkdtemp(join(tmpdir(), "aether link ")));
  // mkdtemp makes it private; as root PostgreSQL runs as another user and would have to keep its data elsewhere.
  await chmod(folder, 0o755);
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const { exitCode, signalCode } = server.process;
    if (exitCode === null && signalCode === null && (await server.stop()) !== 0) throw new Error(server.output);
  }
  // After a kill -9 in the first second initdb may still be syncing the new folder; it ends by itself.
  while ((await processesWith(folder)).length > 0) await Bun.sleep(20);
  await rm(folder, { recursive: true, force: true });
});

function start(options: StartOptions = {}): RunningServer {
  const server = new RunningServer({ ...options, env: { DATA_DIR: join(folder, ".data"), ...options.env } });
  servers.push(server);
  return server;
}

const post = (server: RunningServer, title: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT, ...headers },
    body: JSON.stringify({ title }),
  });

const titles = async (server: RunningServer): Promise<string[]> => {
  const response = await fetch(`${server.url}/api/crm/jobs`, { headers: { "X-Tenant-Id": TENANT } });
  const { data } = (await response.json()) as { data: { title: string }[] };
  return data.map((job) => job.title);
};

const eventTitles = (frames: { value: Record<string, unknown> }[]) =>
  frames.map((frame) => (frame.value.data as { title: string }).title);

describe("the server, started as its users start it", () => {
  test("the curl line that it prints creates a job, whose event is on the open stream; the same line again is a replay", async () => {
    const server = await start().ready();
    await server.until((output) => output.includes("-d '"));
    for (const path of ["/ops/crm-events", "/", "/crm-events"])
      expect(server.output).toContain(`${server.url}${path}\n`);
    const curl = /curl -X POST[\s\S]*?\}'/.exec(server.output)?.[0] ?? "";
    const run = async () =>
      await new Response(Bun.spawn(["sh", "-c", `${curl} -s -i`], { stdout: "pipe" }).stdout).text();

    const stream = await server.stream();
    const first = await run();
    expect(first).toStartWith("HTTP/1.1 201 Created");
    expect(first).not.toContain("Idempotent-Replayed");
    await stream.until((reader) => reader.frames.length === 1);
    const [head = "", body = ""] = first.split("\r\n\r\n");
    const job = JSON.parse(body);
    expect(head).toContain(`Location: /api/crm/jobs/${job.id}`);
    expect(stream.frames[0]).toMatchObject({
      kind: "domain_event",
      topic: "aetherlink.events",
      offset: 0,
      key: job.id,
      value: {
        eventType: "JobCreated",
        tenantId: TENANT,
        aggregateType: "Job",
        aggregateId: job.id,
        version: 1,
        occurredAt: job.createdAt,
        data: { title: "Test Job", status: "Open" },
      },
    });

    const second = await run();
    expect(second).toStartWith("HTTP/1.1 201 Created");
    expect(second).toContain("Idempotent-Replayed: true");
    expect(second.split("\r\n\r\n")[1]).toBe(body);
    await post(server, "after");
    await stream.until((reader) => reader.frames.length >= 2);
    expect(eventTitles(stream.frames)).toEqual(["Test Job", "after"]);
    expect(await titles(server)).toEqual(["after", "Test Job"]);
  });

  test("SIGTERM ends it with exit code 0; started again it has the job, shows the earlier event and resumes streams without gap or repeat", async () => {
    const before = await start().ready();
    const stream = await before.stream();
    await post(before, "one");
    await post(before, "two");
    await stream.until((reader) => reader.frames.length === 2);
    const afterOne = stream.events[0]?.id ?? "";
    const began = performance.now();
    expect(await before.stop("SIGTERM")).toBe(0);
    expect(performance.now() - began).toBeLessThan(STOP_LIMIT_MS);
    await stream.end();
    expect(await processesWith(folder)).toEqual([]);

    const after = await start().ready();
    expect(await titles(after)).toEqual(["two", "one"]);
    const page = await (await fetch(`${after.url}/ops/crm-events`)).text();
    expect(page).toContain("one");
    const resumed = await after.stream("", { "Last-Event-ID": afterOne });
    await post(after, "three");
    await resumed.until((reader) => reader.frames.length >= 2);
    expect(eventTitles(resumed.frames)).toEqual(["two", "three"]);
  });

  test("Ctrl-C, which reaches the whole process group, ends it the same way", async () => {
    const server = await start().ready();
    await post(server, "one");
    process.kill(-server.process.pid, "SIGINT");
    expect(await server.exited()).toBe(0);
    expect(server.output).toContain('"msg":"stopped"');
    const again = await start().ready();
    expect(await titles(again)).toEqual(["one"]);
  });

  test("a request under way when SIGTERM comes is finished", async () => {
    const server = await start({ env: { LOG_LEVEL: "debug" } }).ready();
    const body = JSON.stringify({ title: "slow" });
    const answer = Promise.withResolvers<string>();
    let text = "";
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(server.url).port),
      socket: {
        data: (_, chunk) => {
          text += chunk.toString();
          if (text.includes("\r\n\r\n")) answer.resolve(text);
        },
        close: () => answer.resolve(text),
      },
    });
    socket.write(
      `POST /api/crm/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Tenant-Id: ${TENANT}\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    await server.until((output) => /POST.*request began/.test(output));
    server.process.kill("SIGTERM");
    await server.until((output) => output.includes('"msg":"stopping"'));
    socket.write(body.slice(5));
    expect(await answer.promise).toStartWith("HTTP/1.1 201");
    socket.end();
    expect(await server.exited()).toBe(0);
    const again = await start().ready();
    expect(await titles(again)).toEqual(["slow"]);
  });

  test("after kill -9 the next start just works and has all that was acknowledged", async () => {
    const killed = await start().ready();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post(killed, `job ${i}`)));
    expect(answers.map((answer) => answer.status)).toEqual(new Array(20).fill(201));
    await killed.stop("SIGKILL");
    const next = await start().ready();
    expect(await titles(next)).toHaveLength(20);
    const stream = await next.stream("?lastEventId=unknown");
    await stream.until((reader) => reader.frames.length >= 20);
    expect(new Set(eventTitles(stream.frames)).size).toBe(20);
  });

  test("a log that nobody reads neither stops the server nor keeps it from ending", async () => {
    const probe = Bun.serve({ port: 0, fetch: () => new Response() });
    const url = `http://127.0.0.1:${probe.port}`;
    await probe.stop(true);
    // The pipe holds 64 KiB, and its reader sleeps.
    const shell = '("$0" src/main.ts serve & echo $! >&3; wait $!; echo $? >&3) 3>"$1" | sleep 60';
    const status = join(folder, "status");
    const piped = Bun.spawn(["bash", "-c", shell, process.execPath, status], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: join(folder, ".data"), DATABASE_URL: "", PORT: new URL(url).port },
      stderr: "ignore",
      detached: true,
    });
    try {
      const ready = () =>
        fetch(`${url}/healthz/ready`).then(
          (response) => response.ok,
          () => false,
        );
      while (!(await ready())) await Bun.sleep(20);
      for (let batch = 0; batch < 40; batch++) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/api/crm/nothing`)));
        expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([404]));
      }
      const [pid = ""] = (await readFile(status, "utf8")).split("\n");
      process.kill(Number(pid), "SIGTERM");
      while ((await readFile(status, "utf8")).split("\n").length < 3) await Bun.sleep(20);
      expect(await readFile(status, "utf8")).toBe(`${pid}\n0\n`);
    } finally {
      process.kill(-piped.pid, "SIGKILL");
      await piped.exited;
    }
  }, 30_000);

  test("a second server on the same port says so in one line that names the port and the variable, with exit code 1", async () => {
    const first = await start().ready();
    const port = new URL(first.url).port;
    const second = start({ env: { PORT: port, DATA_DIR: join(folder, "other") } });
    expect(await second.exited()).toBe(1);
    expect(second.output).toBe(
      `PORT: ${port} on 127.0.0.1 is already in use; stop what uses it or set PORT to another\n`,
    );
  });

  test("a second server on the same data folder is refused in one line, and the first goes on", async () => {
    const first = await start().ready();
    const second = start();
    expect(await second.exited()).toBe(1);
    expect(second.output.trim().split("\n").at(-1)).toContain("DATA_DIR");
    expect((await post(first, "still here")).status).toBe(201);
  });

  test.each([
    [{ PORT: "http", OUTBOX_BATCH: "none" }, ["PORT: ", "OUTBOX_BATCH: "]],
    [
      { DATABASE_URL: "postgres://crm:s3cret@127.0.0.1:1/crm" },
      ["DATABASE_URL: cannot use the database at 127.0.0.1:1/crm"],
    ],
    [{ HOST: "0.0.0.0" }, ["HOST: "]],
  ])("a start with %p ends with one readable line each and exit code 1", async (env, lines) => {
    const server = start({ env });
    expect(await server.exited()).toBe(1);
    const printed = server.output.trim().split("\n");
    expect(printed).toHaveLength(lines.length);
    for (const [i, line] of lines.entries()) expect(printed[i]).toStartWith(line);
    expect(server.output).not.toContain("s3cret");
  });

  test("SIGTERM while the port is still waited for leaves nothing behind", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const server = start({ env: { PORT: String(taken.port), LOG_LEVEL: "debug" } });
    await server.until((output) => output.includes("port is taken"));
    server.process.kill("SIGTERM");
    await server.until((output) => output.includes('"msg":"stopping"'));
    taken.stop(true);
    expect(await server.exited()).toBe(0);
    expect(await processesWith(folder)).toEqual([]);
  });

  test("a second server on the same database without Kafka is refused in one line: two in-process logs would give out the same offsets", async () => {
    const first = await start().ready();
    const password = await readFile(join(folder, ".data", "postgres.password"), "utf8");
    const port = (await readFile(join(folder, ".data", "postgres", "postmaster.pid"), "utf8")).split("\n")[3];
    const url = `postgres://aetherlink:${password.trim()}@127.0.0.1:${port}/aetherlink`;
    const second = start({ env: { DATABASE_URL: url, LOG_LEVEL: "error" } });
    expect(await second.exited()).toBe(1);
    expect(second.output.trim().split("\n")).toHaveLength(1);
    expect(second.output).toContain("set KAFKA_BROKERS for both");
    expect((await post(first, "still here")).status).toBe(201);
  });

  test.each(["[", "a b", "a/b"])("a Host header of %p is a 400, not another path", async (host) => {
    const server = await start().ready();
    const { hostname, port } = new URL(server.url);
    const answer = Promise.withResolvers<string>();
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: { data: (_, chunk) => answer.resolve(chunk.toString()) },
    });
    socket.write(`GET /xxx/api/crm/jobs HTTP/1.1\r\nHost: ${host}\r\nX-Tenant-Id: ${TENANT}\r\n\r\n`);
    expect(await answer.promise).toStartWith("HTTP/1.1 400");
    socket.terminate();
  });

  test("--help lists every variable with its default and exits with 0", async () => {
    const server = start({ command: [process.execPath, "src/main.ts", "serve", "--help"] });
    expect(await server.exited()).toBe(0);
    for (const name of ["PORT (9010)", "DATABASE_URL (unset)", "OUTBOX_POLL_MS (1000)"])
      expect(server.output).toContain(name);
  });
});

describe("bun run dev", () => {
  test("a changed source file reloads the server without restarting PostgreSQL, and nothing is left when it is stopped", async () => {
    const checkout = join(folder, "check out");
    for (const name of ["src", "public", "sql", "autoheal.json", "package.json", "bunfig.toml", "tsconfig.json"]) {
      await cp(join(ROOT, name), join(checkout, name), { recursive: true });
    }
    await symlink(join(ROOT, "node_modules"), join(checkout, "node_modules"));
    const server = await start({
      command: [process.execPath, "run", "dev"],
      cwd: checkout,
      env: { DATA_DIR: "" },
    }).ready();
    const postmaster = () => readFile(join(checkout, ".data", "postgres", "postmaster.pid"), "utf8");
    const before = await postmaster();
    await post(server, "before the reload");

    const changed = join(checkout, "src", "outbox", "relay.ts");
    await Bun.write(changed, `${await readFile(changed, "utf8")}\n// changed\n`);
    await utimes(changed, new Date(), new Date());
    await server.until((output) => output.split('"msg":"ready"').length === 3);
    expect(await postmaster()).toBe(before);
    expect(await titles(server)).toEqual(["before the reload"]);
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(await processesWith(folder)).toEqual([]);
  });

  test("Ctrl-C, which reaches the server twice, from the terminal and through bun run, stops it with exit code 0", async () => {
    for (let round = 0; round < 3; round++) {
      const server = await start({ command: [process.execPath, "run", "dev"] }).ready();
      process.kill(-server.process.pid, "SIGINT");
      expect(await server.exited()).toBe(0);
      expect(server.output).toContain('"msg":"stopped"');
      expect(await processesWith(folder)).toEqual([]);
    }
  });

  test("kill -9 of bun run dev itself takes the server and PostgreSQL along, and the next start just works", async () => {
    const command = [process.execPath, "run", "dev"];
    const killed = await start({ command }).ready();
    const port = new URL(killed.url).port;
    await post(killed, "kept");
    killed.process.kill("SIGKILL");
    const next = await start({ command, env: { PORT: port } }).ready();
    expect(await titles(next)).toEqual(["kept"]);
    await killed.exited();
    expect(killed.output).toContain('"msg":"stopped"');
  });
});
