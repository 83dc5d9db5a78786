import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeFolder, removeFolder } from "../support/folder.ts";
import { Broker, missingForKafka } from "../support/kafka.ts";
import { Clients, text, until } from "./support.ts";

const LIMIT_MS = 120_000;
const lacking = missingForKafka();
if (lacking !== undefined && process.env.CI === "true") throw new Error(`a broker that is killed needs ${lacking}`);

describe.skipIf(lacking !== undefined)("a broker killed in mid-stream", () => {
  // One of its own: others work on the one that KAFKA_TEST_BROKERS names.
  let broker: Broker;
  let folder: string;
  const clients = new Clients("none");
  beforeAll(async () => {
    folder = await makeFolder();
    broker = await Broker.start(folder);
    clients.brokers = broker.address;
  }, LIMIT_MS);
  afterAll(async () => {
    await broker?.stop();
    removeFolder(folder);
  }, LIMIT_MS);

  test(
    "and started again loses, doubles and reorders nothing, with no restart of ours",
    async () => {
      const topic = `restart-${Date.now()}`;
      await clients.admin().createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
      const errors = new Set<string>();
      const quick = {
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 200,
        onError: (e: Error) => void errors.add(e.message),
      };
      const [producer, consumer] = [clients.producer(quick), clients.consumer(quick)];
      await consumer.assignTail(topic, 0);
      const seen: number[] = [];
      const reading = (async () => {
        for await (const batch of consumer.batches()) seen.push(...batch.map((m) => Number(text(m.value))));
      })();
      let sent = 0;
      let stop = false;
      const writing = (async () => {
        while (!stop) {
          const messages = Array.from({ length: 100 }, () => ({ key: "one", value: `${sent++}` }));
          for (const result of await producer.sendBatch(topic, messages)) if (result instanceof Error) throw result;
          await Bun.sleep(1);
        }
      })();
      await until(() => seen.length > 2_000);
      await broker.kill();
      const port = broker.address.split(":")[1] ?? "";
      await until(() => [...errors].join().includes(port));
      const before = sent;
      await broker.start();
      await until(() => seen.length > before + 2_000);
      stop = true;
      await writing;
      await until(() => seen.length >= sent);
      await consumer.close();
      await reading;
      expect(seen).toEqual(Array.from({ length: sent }, (_, i) => i));
      expect([...errors].join()).toContain(port);
    },
    LIMIT_MS,
  );
});
