/** `aetherlink doctor` against real parts, each of them healthy, away or at fault. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, loadLibrary } from "../../src/kafka/index.ts";
import { AUDIENCE, Issuer, newKey } from "../auth/issuer.ts";
import { testBrokers } from "../support/brokers.ts";
import { type TestDatabase, testDatabase } from "../support/postgres.ts";
import { ROOT, RunningServer } from "../support/server.ts";
import { doctor as doctorIn, NOBODY, runDoctor } from "./run.ts";

let db: TestDatabase;
let folder = "";
beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), "aetherlink-doctor-"));
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

const doctor = (env: Record<string, string>) => doctorIn(folder, env);

describe("the machine and its configuration", () => {
  test("with nothing set all is well: the embedded parts are there, and nothing is looked at that is not configured", async () => {
    const { code, checks, of } = await doctor({});
    expect(code).toBe(0);
    expect(of("database").text).toContain("embedded PostgreSQL");
    expect(of("data folder")).toMatchObject({ state: "ok", text: expect.stringContaining(join(folder, ".data")) });
    for (const name of ["broker", "topic", "OIDC", "secret files"]) expect(of(name).state).toBe("off");
    expect(checks.map(({ name }) => name)).toEqual([
      "configuration",
      "secret files",
      "database",
      "privileges",
      "migrations",
      "clock",
      "data folder",
      "librdkafka",
      "broker",
      "topic",
      "OIDC",
      "autoheal file",
      "port",
    ]);
  });

  test("for people each check has a line with its mark, and what to do below it", async () => {
    const { code, out } = await runDoctor(folder, { DATABASE_URL: `postgres://crm:hunter2@${NOBODY}/crm` }, []);
    expect(code).toBe(1);
    expect(out).toMatch(/^✓ configuration {2}/m);
    expect(out).toMatch(/^– privileges {5}needs the database$/m);
    expect(out).toMatch(/^✗ database {7}cannot use the database at 127\.0\.0\.1:1\/crm: .*\n +→ start PostgreSQL/m);
    expect(out).not.toContain("\x1b");
    expect(out).not.toContain("hunter2");
  });

  test("a malformed variable is named without its secret, and everything else is looked at all the same", async () => {
    const { failed, of, out } = await doctor({
      PORT: "http",
      OUTBOX_BATCH: "5000",
      LOG_RECORDS: "1000",
      KAFKA_BROKERS: NOBODY,
      KAFKA_SECURITY_PROTOCOL: "sasl_ssl",
      AUTOHEAL_TOKEN: "hunter2",
      DATABASE_URL: db.url,
    });
    expect(failed).toEqual(["configuration"]);
    const { text } = of("configuration");
    for (const name of ["PORT", "OUTBOX_BATCH", "KAFKA_SASL_MECHANISM", "AUTOHEAL_TOKEN"])
      expect(text).toContain(`${name}: `);
    expect(text.split("; ")).toHaveLength(4);
    expect(of("database").state).toBe("ok");
    expect(of("broker")).toMatchObject({ state: "off", text: "KAFKA_BROKERS: see configuration" });
    expect(of("port").text).toBe("PORT: see configuration");
    expect(out).not.toContain("hunter2");
  });

  test("a secret's file that cannot be read, and one that can", async () => {
    const file = join(folder, "database-url");
    await writeFile(file, `${db.url}\n`);
    const { of, out } = await doctor({ DATABASE_URL_FILE: file, AUTOHEAL_TOKEN_FILE: join(folder, "absent") });
    expect(of("secret files")).toMatchObject({
      state: "failed",
      text: expect.stringContaining("AUTOHEAL_TOKEN_FILE: names a file that cannot be read (ENOENT)"),
    });
    expect(of("database").state).toBe("ok");
    expect(out).not.toContain(new URL(db.url).password);
    expect((await doctor({ DATABASE_URL_FILE: file })).of("secret files").text).toBe("DATABASE_URL_FILE: can be read");
  });

  test("a port that another program has, and one that is ours already", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    try {
      const { failed, of } = await doctor({ PORT: String(other.port) });
      expect(failed).toEqual(["port"]);
      expect(of("port").text).toBe(`127.0.0.1:${other.port} is in use by another program`);
    } finally {
      await other.stop(true);
    }
    const server = await new RunningServer({ env: { DATABASE_URL: db.url, LOG_FORMAT: "json" } }).ready();
    try {
      const { code, of } = await doctor({ PORT: new URL(server.url).port });
      expect(of("port").text).toMatch(/ is in use by AetherLink \d/);
      expect(code).toBe(0);
    } finally {
      await server.stop();
    }
  });

  test("an address that this machine has not", async () => {
    expect((await doctor({ HOST: "192.0.2.1", PORT: "9010", AUTH: "none" })).failed).toEqual(["port"]);
  });

  test("a data folder that cannot be written", async () => {
    const { failed, of } = await doctor({ DATA_DIR: "/proc/aetherlink/data" });
    expect(failed).toEqual(["data folder"]);
    expect(of("data folder").text).toContain("/proc/aetherlink/data cannot be written");
  });

  test("a malformed autoheal.json is told with each fault and where it is; without one the built-in rules hold", async () => {
    const file = join(folder, "rules.json");
    await writeFile(file, '{"actions": {}, "rules": [{"probe": "moon", "action": "restart-relay"}]}');
    const { failed, of } = await doctor({ AUTOHEAL_FILE: file });
    expect(failed).toEqual(["autoheal file"]);
    expect(of("autoheal file").text).toContain("#/rules/0/probe must be one of database, broker");
    await writeFile(file, await Bun.file(join(ROOT, "autoheal.json")).text());
    expect((await doctor({ AUTOHEAL_FILE: file })).of("autoheal file").text).toContain("5 rules, 6 actions");
    expect((await doctor({})).of("autoheal file").state).toBe("off");
  });
});

describe.skipIf(testBrokers() === undefined)("Kafka", () => {
  const brokers = testBrokers() ?? "";
  const topic = `doctor-${crypto.randomUUID()}`;

  /** Makes the topic with these settings. */
  async function create(name: string, settings: Record<string, string> = {}): Promise<void> {
    const admin = new Kafka({ "bootstrap.servers": brokers, library: loadLibrary() }).admin();
    const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 3, configEntries }] });
    await admin.close();
  }

  test("a topic that is missing, then one that is there", async () => {
    const env = { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic };
    const before = await doctor(env);
    expect(before.failed).toEqual(["topic"]);
    expect(before.of("topic")).toMatchObject({
      text: `there is no topic ${topic}`,
      todo: expect.stringContaining("topic create"),
    });
    expect(before.of("broker").text).toMatch(
      /^broker \d+ at [\d.:]+; versions of requests: Produce \d+\.\.\d+, Fetch \d+\.\.\d+, InitProducerId \d+\.\.\d+$/,
    );
    await create(topic);
    const after = await doctor(env);
    expect(after.code).toBe(0);
    expect(after.of("topic").text).toBe(`${topic}: 3 partitions, 1 replica, kept for 7 days`);
    expect(after.of("librdkafka").text).toMatch(/^\d+\.\d+\.\d+ from .*librdkafka.* with .*sasl_scram/);
  });

  test.each([
    [{ "cleanup.policy": "compact" }, "is compacted", "cleanup.policy=delete"],
    [{ "retention.ms": "3600000" }, "keeps events for 60 minutes", "retention.ms=604800000"],
  ])("a topic with %p would lose events", async (settings, text, todo) => {
    const name = `doctor-${crypto.randomUUID()}`;
    await create(name, settings);
    const { failed, of } = await doctor({ KAFKA_BROKERS: brokers, KAFKA_TOPIC: name });
    expect(failed).toEqual(["topic"]);
    expect(of("topic").text).toContain(text);
    expect(of("topic").todo).toContain(todo);
  });

  test("brokers that are away hide nothing else, and no password is shown", async () => {
    const { failed, of, out } = await doctor({
      KAFKA_BROKERS: NOBODY,
      KAFKA_SECURITY_PROTOCOL: "sasl_plaintext",
      KAFKA_SASL_MECHANISM: "PLAIN",
      KAFKA_SASL_USERNAME: "crm",
      KAFKA_SASL_PASSWORD: "hunter2",
      DATABASE_URL: db.url,
    });
    expect(failed).toEqual(["broker"]);
    expect(of("broker")).toMatchObject({ state: "failed", text: expect.stringContaining(NOBODY) });
    expect(of("topic").state).toBe("off");
    expect(of("database").state).toBe("ok");
    expect(out).not.toContain("hunter2");
  });
});

describe("a librdkafka that cannot be loaded", () => {
  test("is a failure where Kafka is asked for", async () => {
    const { failed, of } = await doctor({ KAFKA_BROKERS: NOBODY, LIBRDKAFKA_PATH: "/nonexistent.so" });
    expect(failed).toEqual(["librdkafka"]);
    expect(of("librdkafka").text).toContain("/nonexistent.so");
    expect(of("broker").text).toBe("needs librdkafka");
  });
});

describe("the OIDC issuer", () => {
  test("there, with keys; away; and under another name", async () => {
    const issuer = await new Issuer([await newKey("a")]).start();
    const env = { OIDC_ISSUER: issuer.url, OIDC_AUDIENCE: AUDIENCE };
    const there = await doctor(env);
    expect(there.code).toBe(0);
    expect(there.of("OIDC").text).toBe(`${issuer.url}: 1 key; tokens have to be for ${AUDIENCE}; no login of browsers`);
    expect(there.of("clock").text).toBe("within some seconds of the OIDC issuer");
    const named = await doctor({ ...env, OIDC_ISSUER: issuer.url.replace("127.0.0.1", "localhost") });
    expect(named.failed).toEqual(["OIDC"]);
    expect(named.of("OIDC").text).toContain(`its discovery document is that of ${issuer.url}`);
    await issuer.stop();
    const away = await doctor(env);
    expect(away.failed).toEqual(["OIDC"]);
    expect(away.of("OIDC").todo).toContain("let this machine reach it");
    expect(away.of("database").state).toBe("ok");
  });

  test("the audience that is missing is a fault of the configuration", async () => {
    const { failed, of } = await doctor({ OIDC_ISSUER: "http://127.0.0.1:1" });
    expect(failed).toEqual(["configuration"]);
    expect(of("configuration").text).toContain("OIDC_AUDIENCE: is needed with OIDC_ISSUER");
    expect(of("OIDC").state).toBe("off");
  });
});
