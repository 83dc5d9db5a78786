import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Clients, testBrokers, text, until } from "./support.ts";

const brokers = testBrokers();
const clients = new Clients(brokers ?? "none");
/** Where ../shared/tools/kafka-up keeps the broker it started; only such a one can be killed and started again. */
const home = join(homedir(), ".cache", "kafka-up", "4.3.1");
const run = join(home, `run-${brokers?.split(":")[1]}`);

function kill(): void {
  process.kill(Number(readFileSync(join(run, "pid"), "utf8")), "SIGKILL");
}

function restart(): void {
  const command = [
    "setsid",
    "java",
    "-Xms256m",
    "-Xmx1g",
    "-cp",
    `${home}/libs/*`,
    "kafka.Kafka",
    `${run}/server.properties`,
  ];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: Bun.file(`${run}/kafka.log`), stderr: "ignore" });
  child.unref();
  writeFileSync(join(run, "pid"), `${child.pid}\n`);
}

describe.skipIf(!brokers || !existsSync(join(run, "pid")))("a broker killed in mid-stream", () => {
  test("and started again loses, doubles and reorders nothing, with no restart of ours", async () => {
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
    kill();
    await Bun.sleep(300);
    const before = sent;
    restart();
    await until(() => seen.length > before + 2_000);
    stop = true;
    await writing;
    await until(() => seen.length >= sent);
    await consumer.close();
    await reading;
    expect(seen).toEqual(Array.from({ length: sent }, (_, i) => i));
    expect([...errors].join()).toContain(brokers?.split(":")[1] ?? "");
  }, 60_000);
});
