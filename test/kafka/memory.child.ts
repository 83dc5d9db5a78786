/** Run by memory.test.ts in a process of its own: says by how much memory, open files and threads grew after warm-up. */
import { readdirSync, readFileSync } from "node:fs";
import { Admin, Consumer, loadLibrary, Producer } from "../../src/kafka/index.ts";

const options = { library: loadLibrary(), "bootstrap.servers": process.argv[2] ?? "", "group.id": "memory" };
const { "group.id": _, ...plain } = options;
const topic = `memory-${Date.now()}`;
const openFiles = () => readdirSync("/proc/self/fd").length;

/** librdkafka names its threads rdk:main, rdk:broker1, …; how many Bun has is Bun's affair. */
function threads(): number {
  const names = readdirSync("/proc/self/task").map((id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8"));
  return names.filter((name) => name.startsWith("rdk:")).length;
}

async function cycle(messages: number): Promise<void> {
  const [producer, consumer] = [new Producer(plain), new Consumer(options)];
  await consumer.assignTail(topic, 0);
  const reading = (async () => {
    let seen = 0;
    for await (const batch of consumer.batches()) {
      seen += batch.length;
      if (seen >= messages) return;
    }
  })();
  for (let sent = 0; sent < messages; sent += 1_000) {
    const batch = Array.from({ length: 1_000 }, (_, i) => ({
      key: `${i % 50}`,
      value: "x".repeat(250),
      headers: { n: `${i}` },
    }));
    await producer.sendBatch(topic, batch);
  }
  await reading;
  await Promise.all([producer.close(), consumer.close()]);
}

async function settled() {
  for (let i = 0; i < 5; i++) {
    Bun.gc(true);
    await Bun.sleep(50);
  }
  return { memory: process.memoryUsage.rss(), files: openFiles(), threads: threads() };
}

const admin = new Admin(plain);
await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1 }] });
await admin.close();
await cycle(200_000); // warm-up: the allocators' pools, the compiled code
for (let i = 0; i < 5; i++) await cycle(1_000);
const before = await settled();
for (let i = 0; i < 4; i++) await cycle(250_000);
for (let i = 0; i < 50; i++) await cycle(1_000); // a producer and a consumer each: a hundred clients
const after = await settled();
const grown = {
  growth: after.memory - before.memory,
  files: after.files - before.files,
  threads: after.threads,
};
process.stdout.write(`${JSON.stringify({ ...grown, before, after })}\n`);
