import { describe, expect, test } from "bun:test";
import { Clients, take, testBrokers, text } from "./support.ts";

const brokers = testBrokers();
const clients = new Clients(brokers ?? "none");

async function kcat(args: string[], input = ""): Promise<string> {
  const child = Bun.spawn(["kcat", "-b", brokers ?? "", ...args], { stdin: Buffer.from(input), stderr: "pipe" });
  const [out, code] = await Promise.all([Bun.readableStreamToText(child.stdout), child.exited]);
  if (code !== 0) throw new Error(await Bun.readableStreamToText(child.stderr));
  return out;
}

async function newTopic(name: string, numPartitions: number): Promise<string> {
  const topic = `kcat-${name}-${Date.now()}`;
  await clients.admin().createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] });
  return topic;
}

describe.skipIf(!brokers || !Bun.which("kcat"))("kcat", () => {
  test("reads what we wrote, headers and null included", async () => {
    const topic = await newTopic("reads", 1);
    await clients.producer().sendBatch(topic, [
      { key: "k", value: "v", headers: { ce_type: "JobCreated", many: ["1", "2"] }, timestamp: 1_700_000_000_000 },
      { key: null, value: null },
      { key: "", value: "" },
    ]);
    const out = await kcat(["-C", "-t", topic, "-e", "-q", "-f", "%o|%K|%k|%S|%s|%T|%h\n"]);
    const [first, second, third] = out.split("\n");
    expect(first).toBe("0|1|k|1|v|1700000000000|ce_type=JobCreated,many=1,many=2");
    expect(second).toMatch(/^1\|-1\|\|-1\|\|/);
    expect(third).toMatch(/^2\|0\|\|0\|\|/);
  });

  test("writes what we read, headers and null included", async () => {
    const topic = await newTopic("writes", 1);
    await kcat(["-P", "-t", topic, "-K:", "-Z", "-H", "ce_type=JobUpdated", "-H", "empty="], "k:v\nnull:\n");
    const consumer = clients.consumer();
    await consumer.assignTail(topic, 10);
    const [first, second] = await take(consumer, 2);
    expect([text(first?.key), text(first?.value), text(second?.key), second?.value]).toEqual(["k", "v", "null", null]);
    expect(text(first?.headers.ce_type as Uint8Array)).toBe("JobUpdated");
    expect(first?.headers.empty).toEqual(new Uint8Array());
  });

  test("places every key in the partition where we place it", async () => {
    const [ours, theirs] = [await newTopic("ours", 7), await newTopic("theirs", 7)];
    const keys = Array.from({ length: 300 }, (_, i) => `${i % 2 ? "ключ" : "key"}-${i * i}`);
    await clients.producer().sendBatch(
      ours,
      keys.map((key) => ({ key, value: "" })),
    );
    await kcat(
      ["-P", "-t", theirs, "-K:", "-X", "partitioner=murmur2_random"],
      keys.map((key) => `${key}:x\n`).join(""),
    );
    const placed = async (topic: string) =>
      (await kcat(["-C", "-t", topic, "-e", "-q", "-f", "%k %p\n"])).split("\n").sort();
    expect(await placed(ours)).toEqual(await placed(theirs));
  });
});
