import { expect, test } from "bun:test";
import { Clients, library, until } from "../../test/kafka/support.ts";
import { ConfigError, Kafka, KafkaError, type Logger, Producer } from "./index.ts";

const clients = new Clients();

/** A broker that accepts connections, offers SASL PLAIN and refuses every password: enough of Kafka's protocol for that. */
function refusingBroker() {
  const answer = (api: number): number[] => {
    if (api === 18) return [0, 0, 0, 0, 0, 3, 0, 17, 0, 0, 0, 1, 0, 18, 0, 0, 0, 0, 0, 36, 0, 0, 0, 0]; // ApiVersions 0
    if (api === 17) return [0, 0, 0, 0, 0, 1, 0, 5, ...Buffer.from("PLAIN")]; // SaslHandshake
    return [0, 58, 0, 7, ...Buffer.from("refused"), 0, 0, 0, 0]; // SaslAuthenticate: SASL_AUTHENTICATION_FAILED
  };
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, request) {
        const [api, version] = [request.readInt16BE(4), request.readInt16BE(6)];
        const body = api === 18 && version > 0 ? [0, 35, 0, 0, 0, 0] : answer(api); // UNSUPPORTED_VERSION: ask again with 0
        const head = Buffer.alloc(8);
        head.writeInt32BE(4 + body.length, 0);
        head.writeInt32BE(request.readInt32BE(8), 4);
        socket.write(Buffer.concat([head, Buffer.from(body)]));
      },
    },
  });
}

test("a property that librdkafka does not know, or a value it refuses, is named", () => {
  const open = (options: object) => () => new Producer({ library, "bootstrap.servers": "127.0.0.1:1", ...options });
  expect(open({ "no.such.thing": 1 })).toThrow(ConfigError);
  expect(open({ "no.such.thing": 1 })).toThrow(/"no\.such\.thing".*No such configuration/);
  expect(open({ "linger.ms": "soon" })).toThrow(/"linger\.ms"/);
  expect(open({ "enable.idempotence": true, acks: 1 })).toThrow(/acks/);
});

test("no error and no log shows a password", async () => {
  const secret = "s3cret-Pa55";
  const refused = () => new Producer({ library, "ssl.key.pem": secret, "bootstrap.servers": "x" });
  const logs: string[] = [];
  const log = (message: string, extra?: object) => void logs.push(message + JSON.stringify(extra));
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const sasl = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "u",
    "sasl.password": secret,
  };
  const producer = new Producer({
    library,
    logger,
    debug: "all",
    "bootstrap.servers": `127.0.0.1:1`,
    "client.id": secret,
    ...sasl,
  });
  await until(() => logs.length > 20);
  await producer.close();
  expect(refused).not.toThrow(secret);
  expect(logs.join("\n")).not.toContain(secret);
  expect(logs.join("\n")).toContain("[redacted]");
});

test("a broker that nobody listens at is an error with its address, after the time allowed", async () => {
  clients.brokers = "127.0.0.1:1";
  for (const client of [clients.producer(), clients.consumer(), clients.admin()]) {
    const failed = await client.connect(150).catch((error) => error);
    expect(failed).toBeInstanceOf(KafkaError);
    expect(failed).toMatchObject({ type: "ERR__TIMED_OUT", retriable: true });
    expect(failed.message).toContain("127.0.0.1:1");
  }
});

test("wrong credentials are a typed error at once, with the address", async () => {
  const broker = refusingBroker();
  clients.brokers = `127.0.0.1:${broker.port}`;
  const errors: KafkaError[] = [];
  const sasl = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "u",
    "sasl.password": "pw-1",
  } as const;
  const producer = clients.producer({ ...sasl, onError: (error) => errors.push(error) });
  const failed = await producer.connect(5_000).catch((error) => error);
  expect(failed).toMatchObject({ type: "ERR__AUTHENTICATION" });
  expect(failed.message).toContain(clients.brokers);
  expect(failed.message).not.toContain("pw-1");
  expect(errors.length).toBeGreaterThan(0);
  await producer.close(0);
  broker.stop(true);
});

test("Kafka opens clients with what it was given once", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 2);
  const kafka = new Kafka({ library, "bootstrap.servers": mock.brokers });
  const [producer, consumer, admin] = [kafka.producer(), kafka.consumer({ "group.id": "g" }), kafka.admin()];
  await Promise.all([producer.connect(), consumer.connect(), admin.connect()]);
  const [topic] = await admin.fetchTopicMetadata({ topics: ["t"] });
  expect(topic).toEqual({
    name: "t",
    partitions: [0, 1].map((partitionId) => ({ partitionId, leader: 1, replicas: [1], isr: [1] })),
  });
  await Promise.all([producer.disconnect(), consumer.disconnect(), admin.disconnect(), admin.close()]);
});

test("what the broker refuses an admin call is a typed error", async () => {
  const mock = clients.mock();
  mock.failTopic("t", 29);
  const asked = clients.admin().fetchTopicMetadata({ topics: ["t"] });
  expect(asked).rejects.toMatchObject({ type: "ERR_TOPIC_AUTHORIZATION_FAILED", topic: "t" });
  await asked.catch(() => undefined);
});

test("a callback that throws is uncaught, and everything after it is still served", async () => {
  const script = `
    import { Producer } from "${import.meta.dir}/index.ts"; import { loadLibrary } from "${import.meta.dir}/index.ts";
    import { MockCluster } from "${import.meta.dir}/mock.ts";
    let thrown = 0; process.on("uncaughtException", () => thrown++);
    const library = loadLibrary(); const mock = new MockCluster(library); mock.createTopic("t", 1);
    const producer = new Producer({ library, "bootstrap.servers": mock.brokers, "enable.idempotence": false,
      "statistics.interval.ms": 10, onStatistics: () => { throw new Error("mine"); } });
    while (thrown < 3) await Bun.sleep(5);
    const [sent] = await producer.sendBatch("t", [{ value: "x" }]);
    await producer.close(); await mock.close();
    console.log("offset", sent.offset);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stderr: "pipe" });
  expect(await Bun.readableStreamToText(child.stdout)).toBe("offset 0\n");
  expect(await child.exited).toBe(0); // and nothing kept the process alive
});
