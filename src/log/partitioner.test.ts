import { expect, test } from "bun:test";
import { murmur2, partitionOf } from "./partitioner.ts";

// Vectors of Kafka's own test: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("murmur2 of %p is what Kafka's Java client computes", (text, hash) => {
  expect(murmur2(new TextEncoder().encode(text))).toBe(hash);
});

test("keys spread over all partitions and always fall into the same one", () => {
  const counts = [0, 0, 0];
  for (let i = 0; i < 3_000; i++) {
    const key = Bun.randomUUIDv7();
    const partition = partitionOf(key, 3);
    expect(partitionOf(key, 3)).toBe(partition);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(800);
});
