import { expect, test } from "bun:test";
import { Clients, take, text, until } from "../../test/kafka/support.ts";
import { ClosedError, KafkaError } from "./index.ts";
import { ApiKey } from "./mock.ts";

const clients = new Clients();

test("every message gets its own partition and offset, in the order given", async () => {
  clients.mock().createTopic("t", 1);
  const results = await clients.producer().sendBatch("t", [{ value: "a" }, { value: "b" }, { value: null }]);
  expect(results).toMatchObject([0, 1, 2].map((offset) => ({ partition: 0, offset })));
});

test("send resolves with one RecordMetadata a partition, as in KafkaJS", async () => {
  clients.mock().createTopic("t", 2);
  const messages = [1, 0, 1].map((partition) => ({ value: "x", partition }));
  const metadata = await clients.producer().send({ topic: "t", messages });
  expect(metadata.sort((a, b) => a.partition - b.partition)).toEqual([
    { topicName: "t", partition: 0, errorCode: 0, baseOffset: "0" },
    { topicName: "t", partition: 1, errorCode: 0, baseOffset: "0" },
  ]);
});

test("a message that is too large, or none at all, fails alone, and is not retriable", async () => {
  clients.mock().createTopic("t", 1);
  const wrong = { value: { not: "bytes" } as unknown as string };
  const results = await clients
    .producer()
    .sendBatch("t", [{ value: "a" }, { value: "x".repeat(2e6) }, wrong, { value: "b" }]);
  expect(results[0]).toMatchObject({ offset: 0 });
  expect(results[1]).toMatchObject({ type: "ERR_MSG_SIZE_TOO_LARGE", code: 10, retriable: false, topic: "t" });
  expect(results[2]).toMatchObject({ type: "ERR__BAD_MSG", retriable: false });
  expect(results[3]).toMatchObject({ offset: 1 });
});

test("a partition that does not exist fails its message alone", async () => {
  clients.mock().createTopic("t", 1);
  const producer = clients.producer();
  const results = await producer.sendBatch("t", [{ value: "a" }, { value: "b", partition: 7 }]);
  expect(results).toMatchObject([{ offset: 0 }, { type: "ERR__UNKNOWN_PARTITION", retriable: false }]);
});

test("a topic name that cannot be one fails the messages, not the producer", async () => {
  clients.mock().createTopic("t", 1);
  const producer = clients.producer();
  expect(await producer.sendBatch("x".repeat(600), [{ value: "a" }])).toMatchObject([
    { type: "ERR__UNKNOWN_TOPIC", retriable: true },
  ]);
  expect(await producer.sendBatch("t", [{ value: "a" }])).toMatchObject([{ offset: 0 }]);
});

test("keys are placed where the Java client places them", async () => {
  clients.mock().createTopic("t", 7);
  const java = { "21": -973932308, foobar: -790332482, "a-little-bit-long-string": -985981536, abc: 479470107 }; // org.apache.kafka.common.utils.UtilsTest
  const results = await clients.producer().sendBatch(
    "t",
    Object.keys(java).map((key) => ({ key, value: "" })),
  );
  expect(results).toMatchObject(Object.values(java).map((hash) => ({ partition: (hash & 0x7fffffff) % 7 })));
});

test("more than librdkafka's queue holds waits and arrives in order", async () => {
  clients.mock().createTopic("t", 1);
  const producer = clients.producer({ "queue.buffering.max.messages": 50, "enable.idempotence": true });
  const calls = [0, 1, 2].map((n) =>
    producer.sendBatch(
      "t",
      Array.from({ length: 400 }, (_, i) => ({ key: "k", value: `${n * 400 + i}` })),
    ),
  );
  const results = (await Promise.all(calls)).flat();
  expect(results.map((r) => (r instanceof KafkaError ? r : r.offset))).toEqual(
    Array.from({ length: 1200 }, (_, i) => i),
  );
  const consumer = clients.consumer();
  await consumer.assignTail("t", 2000);
  expect((await take(consumer, 1200)).map((m) => Number(text(m.value)))).toEqual(
    Array.from({ length: 1200 }, (_, i) => i),
  );
});

test("requests that fail and a broker that goes down and up lose, double and reorder nothing", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  const producer = clients.producer({
    "retry.backoff.ms": 10,
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 50,
  });
  mock.failRequests(ApiKey.Produce, [7, 6, 19]); // REQUEST_TIMED_OUT, NOT_LEADER_FOR_PARTITION, NOT_ENOUGH_REPLICAS
  const first = await producer.sendBatch("t", [{ value: "0" }, { value: "1" }]);
  mock.down(1);
  const waiting = producer.sendBatch("t", [{ value: "2" }, { value: "3" }]);
  await Bun.sleep(50);
  mock.up(1);
  expect([...first, ...(await waiting)]).toMatchObject([0, 1, 2, 3].map((offset) => ({ offset })));
});

test("a message that cannot be sent in time says which address did not answer", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  mock.down(1);
  const [failed] = await clients.producer({ "message.timeout.ms": 300 }).sendBatch("t", [{ value: "x" }]);
  expect(failed).toMatchObject({ type: "ERR__MSG_TIMED_OUT", retriable: true });
  expect(String(failed)).toContain(clients.brokers);
});

test("an unknown topic is a typed error", async () => {
  clients.mock().failTopic("nowhere", 3);
  const producer = clients.producer({ "topic.metadata.propagation.max.ms": 0, "message.timeout.ms": 1000 });
  const [failed] = await producer.sendBatch("nowhere", [{ value: "x" }]);
  expect(failed).toMatchObject({ topic: "nowhere", retriable: true });
  expect((failed as KafkaError).type).toMatch(/^ERR__?UNKNOWN_TOPIC/);
});

test("close waits for what is under way", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  mock.delay(1, 50);
  const producer = clients.producer();
  const sent = producer.sendBatch("t", [{ value: "x" }]);
  await producer.close();
  expect(await sent).toMatchObject([{ offset: 0 }]);
});

test("close ends within its bound when the broker is away, settles every message, and is safe twice", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  const producer = clients.producer({ "queue.buffering.max.messages": 10 });
  await producer.connect();
  mock.down(1);
  const sent = producer.sendBatch(
    "t",
    Array.from({ length: 25 }, () => ({ value: "x" })),
  );
  const started = performance.now();
  await Promise.all([producer.close(100), producer.close(100)]);
  await producer.close();
  expect(performance.now() - started).toBeLessThan(1_500);
  for (const result of await sent) expect((result as KafkaError).type).toMatch(/^ERR__PURGE_/);
  expect(producer.sendBatch("t", [{ value: "x" }])).rejects.toThrow(ClosedError);
  expect(producer.connect()).rejects.toThrow(ClosedError);
});

test("statistics reach the caller, and what a callback throws stops nothing", async () => {
  clients.mock().createTopic("t", 1);
  const seen: unknown[] = [];
  const producer = clients.producer({ "statistics.interval.ms": 20, onStatistics: (s) => void seen.push(s.type) });
  await until(() => seen.length >= 2);
  expect(seen[0]).toBe("producer");
  expect(await producer.sendBatch("t", [{ value: "x" }])).toMatchObject([{ offset: 0 }]);
});

test("a fatal error is reported as such, blames no message, and a new producer goes on", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  const errors: KafkaError[] = [];
  const gapless = { "enable.idempotence": true, "enable.gapless.guarantee": true };
  const producer = clients.producer({ ...gapless, onError: (error) => errors.push(error) });
  await producer.sendBatch("t", [{ value: "a" }]);
  mock.failRequests(ApiKey.Produce, [10]); // "b" is refused, and with it the promise of no gap is broken
  await producer.sendBatch("t", [{ value: "b" }]);
  await until(() => errors.some((error) => error.fatal));
  const refused = await producer.sendBatch("t", [{ value: "c" }]);
  expect(refused).toMatchObject([{ type: "ERR__GAPLESS_GUARANTEE", fatal: true, retriable: true }]);
  await producer.close();
  expect(await clients.producer().sendBatch("t", [{ value: "c" }])).toMatchObject([{ offset: 1 }]);
});

test("a message that is larger than the whole queue fails instead of waiting for ever", async () => {
  clients.mock().createTopic("t", 1);
  const producer = clients.producer({ "queue.buffering.max.kbytes": 100 });
  expect(await producer.sendBatch("t", [{ value: "x".repeat(200_000) }])).toMatchObject([{ type: "ERR__QUEUE_FULL" }]);
  expect(await producer.sendBatch("t", [{ value: "x" }])).toMatchObject([{ offset: 0 }]);
});
