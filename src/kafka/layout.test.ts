import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Clients, take } from "../../test/kafka/support.ts";
import { Message, Partition, Vu } from "./bindings.ts";

const clients = new Clients();
const sources = join(dirname(require.resolve("@confluentinc/kafka-javascript/package.json")), "deps/librdkafka/src");

test.skipIf(!Bun.which("cc"))("every offset is where the C compiler puts it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  const line = (struct: string, field: string) => `printf("%zu ", offsetof(${struct}, ${field}));`;
  const message = ["err", "rkt", "partition", "payload", "len", "key", "key_len", "offset", "_private"];
  const list = ["cnt", "elems"];
  const program = `#include <stdio.h>\n#include <stddef.h>\n#include "rdkafka.h"\nint main(void) {
    ${message.map((field) => line("rd_kafka_message_t", field)).join("")}
    ${["topic", "partition", "offset", "err"].map((field) => line("rd_kafka_topic_partition_t", field)).join("")}
    printf("%zu ", sizeof(rd_kafka_topic_partition_t));
    ${list.map((field) => line("rd_kafka_topic_partition_list_t", field)).join("")}
    ${["vtype", "u.mem.ptr", "u.mem.size", "u.header.size"].map((field) => line("rd_kafka_vu_t", field)).join("")}
    printf("%zu", sizeof(rd_kafka_vu_t)); return 0; }`;
  await Bun.write(join(folder, "layout.c"), program);
  const built = Bun.spawnSync(["cc", "-I", sources, "-o", join(folder, "layout"), join(folder, "layout.c")]);
  expect(built.stderr.toString()).toBe("");
  const numbers = Bun.spawnSync([join(folder, "layout")])
    .stdout.toString()
    .split(" ")
    .map(Number);
  rmSync(folder, { recursive: true });
  expect(numbers).toEqual([...Object.values(Message), ...Object.values(Partition), ...Object.values(Vu)]);
});

/** mulberry32: the same numbers every time for one seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test("2,000 random messages are read as they were written", async () => {
  const next = random(20261123);
  const bytes = (most: number) => {
    const kind = next(10);
    return kind === 0 ? null : kind === 1 ? new Uint8Array() : new Uint8Array(next(most)).map(() => next(256));
  };
  const messages = Array.from({ length: 2_000 }, (_, i) => ({
    key: bytes(40),
    value: bytes(i % 100 === 0 ? 9_000 : 300),
    partition: next(3),
    timestamp: 1 + next(2 ** 31) * 1000,
    headers: Object.fromEntries(Array.from({ length: next(20) }, (_, h) => [`h${h}`, bytes(30)])),
  }));
  clients.mock().createTopic("t", 3);
  const results = await clients.producer().sendBatch("t", messages);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 2_000);
  const read = await take(consumer, 2_000);
  const place = (p: { partition: number; offset: number }) => `${p.partition}/${p.offset}`;
  const byPlace = new Map(read.map((message) => [place(message), message]));
  for (const [i, result] of results.entries()) {
    if (result instanceof Error) throw result;
    const found = byPlace.get(place(result));
    if (!found) throw new Error(`nothing at ${place(result)}`);
    const { topic: _, offset: __, headers, ...rest } = found;
    expect({ ...rest, headers: { ...headers } }).toEqual(messages[i] as never);
  }
});
