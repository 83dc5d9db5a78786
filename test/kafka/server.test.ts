/** The whole server on Kafka: as its users start it, on a real broker, and on one that is away. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLibrary } from "../../src/kafka/index.ts";
import { MockCluster } from "../../src/kafka/mock.ts";
import { RunningServer } from "../support/server.ts";
import { testBrokers } from "./support.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
/** The README promises an end within 5 s. */
const STOP_LIMIT_MS = 5_000;

let folder = "";
let servers: RunningServer[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aetherlink-kafka-"));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const server of servers) if (server.process.exitCode === null) await server.stop();
  servers = [];
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<RunningServer> {
  const server = new RunningServer({ env: { DATA_DIR: folder, ...env } });
  servers.push(server);
  return await server.ready();
}

async function post(server: RunningServer, title: string): Promise<void> {
  const response = await fetch(`${server.url}/api/crm/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT },
    body: JSON.stringify({ title }),
  });
  expect(response.status).toBe(201);
}

const titles = (frames: { value: Record<string, unknown> }[]) =>
  frames.map((frame) => (frame.value.data as { title: string }).title);

describe.skipIf(testBrokers() === undefined)("the server on a real Kafka", () => {
  test("creates its topic, streams what is posted, and after a restart shows the earlier events and resumes without gap or repeat", async () => {
    const env = {
      KAFKA_BROKERS: testBrokers() ?? "",
      KAFKA_TOPIC: `server-${crypto.randomUUID()}`,
      KAFKA_GROUP: "server-test",
    };
    const first = await start(env);
    expect(first.output).toContain('"msg":"topic created"');
    const stream = await first.stream();
    for (const title of ["one", "two", "three"]) await post(first, title);
    await stream.until((reader) => reader.frames.length === 3);
    // Which of them comes first is open: they may be in different partitions.
    const afterFirst = stream.events[0]?.id ?? "";
    const missed = titles(stream.frames).slice(1);
    expect(await first.stop()).toBe(0);

    const second = await start(env);
    const page = await (await fetch(`${second.url}/ops/crm-events`)).text();
    for (const title of ["one", "two", "three"]) expect(page).toContain(title);
    const resumed = await second.stream("", { "Last-Event-ID": afterFirst });
    await post(second, "four");
    await resumed.until((reader) => reader.frames.length >= 3);
    expect(titles(resumed.frames).toSorted()).toEqual([...missed, "four"].toSorted());
  });
});

describe("the server on a broker that is away", () => {
  test("starts, takes writes, says that it is not ready, and publishes them when the broker is back", async () => {
    const mock = new MockCluster(loadLibrary());
    try {
      mock.createTopic("aetherlink.events", 3);
      mock.down(1);
      const env = {
        KAFKA_BROKERS: mock.brokers,
        KAFKA_OPTIONS: '{"reconnect.backoff.max.ms":200,"fetch.wait.max.ms":10,"enable.idempotence":false}',
      };
      const server = await start(env);
      await post(server, "while away");
      const ready = await fetch(`${server.url}/healthz/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({ checks: { database: "ok", stream: "catching up" } });
      expect(server.output).toContain(mock.brokers);
      const stream = await server.stream("?lastEventId=unknown");
      mock.up(1);
      await stream.until((reader) => reader.frames.length === 1);
      await post(server, "back again");
      await stream.until((reader) => reader.frames.length === 2);
      expect(titles(stream.frames)).toEqual(["while away", "back again"]);
    } finally {
      await mock.close();
    }
  });

  test("stops within 5 s with exit code 0, and keeps what was not published for the next start", async () => {
    const server = await start({ KAFKA_BROKERS: "127.0.0.1:1" });
    await post(server, "kept");
    const began = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(STOP_LIMIT_MS);
    const next = await start({});
    const stream = await next.stream("?lastEventId=unknown");
    await stream.until((reader) => reader.frames.length === 1);
    expect(titles(stream.frames)).toEqual(["kept"]);
  });

  test.each([
    [{ LIBRDKAFKA_PATH: "/no/such/library.so" }, "No usable librdkafka"],
    [{ KAFKA_OPTIONS: '{"no.such.property":1}' }, 'librdkafka property "no.such.property"'],
    [
      {
        KAFKA_SECURITY_PROTOCOL: "sasl_plaintext",
        KAFKA_SASL_MECHANISM: "PLAIN",
        KAFKA_SASL_PASSWORD: "s3cret",
        KAFKA_SSL_CA: "/no/ca",
      },
      "librdkafka",
    ],
  ])("a start with %p ends with one readable line and exit code 1", async (env, line) => {
    const server = new RunningServer({
      env: { DATA_DIR: folder, KAFKA_BROKERS: "127.0.0.1:1", LOG_LEVEL: "error", ...env },
    });
    servers.push(server);
    expect(await server.exited()).toBe(1);
    expect(server.output.trim().split("\n")).toHaveLength(1);
    expect(server.output).toContain(line);
    expect(server.output).not.toContain("s3cret");
  });
});
