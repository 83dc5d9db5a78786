import { afterEach, beforeEach, expect, test } from "bun:test";
import { Hono } from "hono";
import pino from "pino";
import type { AppEnv } from "./env.ts";
import { HttpServer, ListenError } from "./server.ts";

let server: HttpServer;
let gate = Promise.withResolvers<void>();
beforeEach(async () => {
  gate = Promise.withResolvers<void>();
  server = new HttpServer("127.0.0.1", 0, pino({ level: "silent" }));
  await server.listen();
});
afterEach(() => server.stop());

/** `/slow` is answered once the gate is open. */
function routes(): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .all("/quick", (c) => c.text("quick"))
    .all("/slow", async (c) => {
      await gate.promise;
      return c.text("slow");
    });
}

/** One connection on which requests are sent as they are written here. */
class Connection {
  text = "";
  isClosed = false;
  #change = Promise.withResolvers<void>();
  #socket: Bun.Socket | undefined;

  static async open(): Promise<Connection> {
    const connection = new Connection();
    const change = () => {
      connection.#change.resolve();
      connection.#change = Promise.withResolvers<void>();
    };
    connection.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(server.url).port),
      socket: {
        data: (_, chunk) => {
          connection.text += chunk.toString();
          change();
        },
        close: () => {
          connection.isClosed = true;
          change();
        },
      },
    });
    return connection;
  }

  send(path: string): void {
    this.#socket?.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#change.promise;
  }

  close(): void {
    this.#socket?.end();
  }
}

test("a request that comes before there is something to serve waits for it; health is answered at once", async () => {
  const early = fetch(`${server.url}/quick`, { method: "POST" });
  expect((await fetch(`${server.url}/healthz/ready`)).status).toBe(503);
  expect((await fetch(`${server.url}/healthz/live`)).status).toBe(200);
  server.open(routes());
  expect(await (await early).text()).toBe("quick");
});

test("when the start fails, what waits is told so and its connection ends", async () => {
  const early = fetch(`${server.url}/quick`);
  expect((await fetch(`${server.url}/healthz/ready`)).status).toBe(503);
  await server.drain(performance.now() + 1_000);
  const answer = await early;
  expect(answer.status).toBe(503);
  expect(answer.headers.get("Connection")).toBe("close");
});

test.skipIf(process.platform !== "linux")(
  "while it drains, new connections are refused, and what comes on a connection that was kept is answered and ends it",
  async () => {
    server.open(routes());
    const [kept, slow] = [await Connection.open(), await Connection.open()];
    kept.send("/quick");
    await kept.until(() => kept.text.endsWith("quick"));
    expect(kept.text).not.toContain("Connection: close");
    slow.send("/slow");
    // So that the slow one is under way.
    await fetch(`${server.url}/quick`);
    const drained = server.drain(performance.now() + 10_000);
    const refused = async () =>
      await Connection.open().then(
        (connection) => connection.close(),
        () => "refused",
      );
    while ((await refused()) === undefined);
    kept.text = "";
    kept.send("/quick");
    await kept.until(() => kept.isClosed);
    expect(kept.text).toStartWith("HTTP/1.1 200");
    expect(kept.text).toContain("Connection: close");
    expect(slow.text).toBe("");
    gate.resolve();
    await slow.until(() => slow.isClosed);
    expect(slow.text).toEndWith("slow");
    await drained;
  },
);

test("it stops waiting at the deadline, and not for what lasts", async () => {
  server.open(routes());
  const slow = fetch(`${server.url}/slow`).catch(() => "cut off");
  await fetch(`${server.url}/quick`);
  await server.drain(performance.now() + 10_000, () => 1);
  await server.drain(performance.now() + 50);
  await server.stop();
  expect(await slow).toBe("cut off");
});

// The second is of a block for documentation (RFC 5737), which no machine has.
test.each([
  ["256.1.1.1", "is no IP address and no name that can be resolved"],
  ["a..b", "is no IP address and no name that can be resolved"],
  ["192.0.2.1", "is no address of this machine"],
])("HOST=%s: one line says that it %s, and what may stand there", async (host, fault) => {
  const other = new HttpServer(host, 0, pino({ level: "silent" }));
  const error = await other.listen().catch((caught: unknown) => caught);
  if (!(error instanceof ListenError)) throw new Error("it did not fail as it should");
  expect(error.message).toStartWith(`HOST: ${host} ${fault}; set it to an IP address of this machine or a name of one`);
  expect(error.message).not.toContain("\n");
});
