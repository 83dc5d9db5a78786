import { expect, test } from "bun:test";
import { Clients, take, text, until } from "../../test/kafka/support.ts";
import { ClosedError, OffsetOutOfRangeError } from "./index.ts";
import { ApiKey, type MockCluster } from "./mock.ts";

const clients = new Clients();

/** A topic with `count` messages, value and key their number, spread over `partitions`. */
async function filled(partitions: number, count: number): Promise<MockCluster> {
  const mock = clients.mock();
  mock.createTopic("t", partitions);
  const messages = Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: `${i}`, partition: i % partitions }));
  await clients.producer().sendBatch("t", messages);
  return mock;
}

const numbers = (messages: { value: Uint8Array | null }[]) =>
  messages.map((m) => Number(text(m.value))).sort((a, b) => a - b);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("null, empty and binary keys, values and headers come back as they were sent", async () => {
  clients.mock().createTopic("t", 1);
  const headers = { a: "x", none: null, empty: "", many: ["1", new Uint8Array([0, 255])] };
  const large = new Uint8Array(900_000).map((_, i) => i % 251);
  const before = Date.now();
  await clients.producer().sendBatch("t", [
    { key: null, value: null },
    { key: "", value: "", headers },
    { key: new Uint8Array([0, 1, 255]), value: large, timestamp: 1_234_567_890_123 },
    { value: "ü€😀", headers: Object.fromEntries(range(0, 40).map((i) => [`h${i}`, `${i}`])) },
  ]);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 10);
  const [one, two, three, four] = await take(consumer, 4);
  expect(one).toMatchObject({ topic: "t", partition: 0, offset: 0, key: null, value: null });
  expect(one?.timestamp).toBeGreaterThanOrEqual(before);
  expect(two).toMatchObject({ key: new Uint8Array(), value: new Uint8Array() });
  expect(two?.headers).toMatchObject({
    none: null,
    empty: new Uint8Array(),
    many: [new Uint8Array([49]), new Uint8Array([0, 255])],
  });
  expect(three).toMatchObject({ key: new Uint8Array([0, 1, 255]), timestamp: 1_234_567_890_123 });
  expect(Buffer.compare(three?.value ?? new Uint8Array(), large)).toBe(0);
  expect(text(four?.value)).toBe("ü€😀");
  expect(Object.keys(four?.headers ?? {})).toHaveLength(40);
});

test("a header named __proto__ is a header", async () => {
  clients.mock().createTopic("t", 1);
  await clients.producer().sendBatch("t", [{ value: "x", headers: JSON.parse('{"__proto__":"y"}') }]);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 1);
  const [message] = await take(consumer, 1);
  expect(Object.entries(message?.headers ?? {})).toEqual([["__proto__", new Uint8Array(Buffer.from("y"))]]);
});

test("the last N of each partition are read, and no more than there are", async () => {
  await filled(3, 30);
  const consumer = clients.consumer();
  expect(await consumer.assignTail("t", 4)).toMatchObject(
    [6, 6, 6].map((offset, partition) => ({ partition, offset })),
  );
  expect(numbers(await take(consumer, 12))).toEqual(range(18, 30));
  expect(await consumer.assignTail("t", 1000)).toMatchObject([{ offset: 0 }, { offset: 0 }, { offset: 0 }]);
});

test("a consumer that goes on from another's position misses and repeats nothing", async () => {
  await filled(3, 300);
  const seen: number[] = [];
  let vector = await clients.consumer().assignTail("t", 1000);
  for (const size of [7, 1, 50, 100]) {
    const consumer = clients.consumer();
    consumer.assign(vector);
    for await (const batch of consumer.batches({ maxSize: size })) {
      seen.push(...numbers(batch));
      break;
    }
    vector = consumer.position();
    await consumer.close();
  }
  const last = clients.consumer();
  last.assign(vector);
  seen.push(...numbers(await take(last, 300 - seen.length)));
  expect(seen.sort((a, b) => a - b)).toEqual(range(0, 300));
});

test("an offset out of range is a typed error that says where, and assigning anew goes on", async () => {
  await filled(1, 10);
  const consumer = clients.consumer();
  consumer.assign([{ topic: "t", partition: 0, offset: 99 }]);
  const failed = await take(consumer, 1).catch((error) => error);
  expect(failed).toBeInstanceOf(OffsetOutOfRangeError);
  expect(failed).toMatchObject({ topic: "t", partition: 0, type: "ERR__AUTO_OFFSET_RESET" });
  await consumer.assignTail("t", 3);
  expect(numbers(await take(consumer, 3))).toEqual([7, 8, 9]);
});

test("assigning again before the partitions of the last time have stopped is no end of the process", async () => {
  await filled(3, 30);
  const places = (offset: number) => range(0, 3).map((partition) => ({ topic: "t", partition, offset }));
  for (let round = 0; round < 20; round++) {
    const consumer = clients.consumer();
    consumer.assign(places(0));
    await take(consumer, 1);
    for (const offset of [1, 2, 3, 4]) consumer.assign(places(offset));
    if (round % 2 === 0) await consumer.close();
    else expect(numbers(await take(consumer, 18))).toEqual(range(12, 30));
  }
});

test("seek goes back and forth, also right after assign", async () => {
  await filled(1, 10);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 10);
  consumer.seek({ topic: "t", partition: 0, offset: 8 });
  expect(numbers(await take(consumer, 2))).toEqual([8, 9]);
  consumer.seek({ topic: "t", partition: 0, offset: 3 });
  expect(numbers(await take(consumer, 7))).toEqual(range(3, 10));
  expect(() => consumer.seek({ topic: "t", partition: 5, offset: 0 })).toThrow(/partition/i);
});

test("a paused partition gives nothing and loses nothing", async () => {
  await filled(2, 20);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 10);
  consumer.pause([{ topic: "t", partitions: [0] }]);
  expect((await take(consumer, 10)).every((m) => m.partition === 1)).toBe(true);
  consumer.resume();
  expect((await take(consumer, 10)).map((m) => m.offset)).toEqual(range(0, 10));
});

test("lag is the end minus the position, and commits are accepted", async () => {
  await filled(1, 10);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 10);
  for await (const _ of consumer.batches({ maxSize: 4 })) break;
  expect(consumer.lag()).toEqual([{ topic: "t", partition: 0, offset: 4, lag: 6 }]);
  await consumer.commitOffsets();
  await consumer.commitOffsets([{ topic: "t", partition: 0, offset: 2 }]);
});

test("a commit that the broker refuses is a typed error", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  mock.failRequests(ApiKey.OffsetCommit, [30]); // GROUP_AUTHORIZATION_FAILED
  const consumer = clients.consumer();
  await consumer.assignTail("t", 0);
  expect(consumer.commitOffsets([{ topic: "t", partition: 0, offset: 0 }])).rejects.toMatchObject({
    type: "ERR_GROUP_AUTHORIZATION_FAILED",
  });
  await Bun.sleep(50);
});

test("a slow broker, one that goes away and fetches that fail delay messages and lose none", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  const producer = clients.producer({ "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50 });
  const consumer = clients.consumer({ "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50 });
  await consumer.assignTail("t", 0);
  const reading = take(consumer, 30);
  await producer.sendBatch(
    "t",
    range(0, 10).map((i) => ({ value: `${i}` })),
  );
  mock.failRequests(ApiKey.Fetch, [6, 7]);
  mock.delay(1, 20);
  await producer.sendBatch(
    "t",
    range(10, 20).map((i) => ({ value: `${i}` })),
  );
  mock.down(1);
  await Bun.sleep(50);
  mock.up(1);
  await producer.sendBatch(
    "t",
    range(20, 30).map((i) => ({ value: `${i}` })),
  );
  expect((await reading).map((m) => m.offset)).toEqual(range(0, 30));
});

test("reading in a loop leaves time for timers", async () => {
  await filled(1, 20_000);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 20_000);
  let [ticks, seen] = [0, 0];
  const timer = setInterval(() => ticks++, 1);
  for await (const batch of consumer.batches({ maxSize: 1 })) {
    seen += batch.length;
    if (seen === 20_000) break;
  }
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(2);
});

test("close ends a loop that waits, refuses what comes after, and is safe twice", async () => {
  await filled(1, 1);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 0);
  let ended = false;
  const reading = take(consumer, 1).then(() => (ended = true));
  await Bun.sleep(20);
  await Promise.all([consumer.close(), consumer.close(), reading]);
  expect(ended).toBe(true);
  for await (const _ of consumer.batches()) throw new Error("a closed consumer reads nothing");
  for (const use of [() => consumer.assign([]), () => consumer.pause(), () => consumer.lag().length]) {
    expect(use).toThrow(ClosedError);
  }
  expect(consumer.commitOffsets()).rejects.toThrow(ClosedError);
});

test("close rejects what waits for an answer", async () => {
  const mock = clients.mock();
  mock.createTopic("t", 1);
  mock.down(1);
  const consumer = clients.consumer();
  const asked = consumer.watermarks("t").catch((error) => error);
  await Bun.sleep(20);
  await consumer.close();
  expect(await asked).toBeInstanceOf(ClosedError);
});

test("a topic made after the assignment is read from its beginning", async () => {
  const mock = clients.mock();
  mock.createTopic("other", 1);
  const consumer = clients.consumer({ "topic.metadata.refresh.interval.ms": 50 });
  mock.createTopic("t", 1);
  consumer.assign([{ topic: "t", partition: 0, offset: 0 }]);
  const reading = take(consumer, 1);
  await clients.producer().sendBatch("t", [{ value: "1" }]);
  expect(numbers(await reading)).toEqual([1]);
  await until(() => consumer.position()[0]?.offset === 1);
});

test("two loops share the messages, and both end", async () => {
  await filled(1, 1);
  const consumer = clients.consumer();
  await consumer.assignTail("t", 0);
  let seen = 0;
  const loop = async () => {
    for await (const batch of consumer.batches({ maxSize: 1 })) seen += batch.length;
  };
  const loops = [loop(), loop()];
  await clients.producer().sendBatch(
    "t",
    range(0, 50).map((i) => ({ value: `${i}` })),
  );
  await until(() => seen === 50);
  await consumer.close();
  await Promise.all(loops);
});

test("close does not wait for the answer to a commit from a broker that went away, which librdkafka does for 43 s", async () => {
  const broker = await filled(1, 1);
  const lost = Promise.withResolvers<void>();
  const consumer = clients.consumer({ onError: () => lost.resolve() });
  await consumer.assignTail("t", 1);
  await take(consumer, 1);
  await consumer.commitOffsets();
  broker.down(1);
  const commit = consumer.commitOffsets().catch((error: unknown) => error);
  await lost.promise;
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await consumer.close();
  clearInterval(timer);
  expect(await commit).toBeInstanceOf(ClosedError);
  // The event loop went on meanwhile, and so did whoever closed it.
  expect(turns).toBeGreaterThan(0);
}, 20_000);

test("a client may be closed by its own callback", async () => {
  await filled(1, 1);
  const closed = Promise.withResolvers<void>();
  const consumer = clients.consumer({
    "statistics.interval.ms": 10,
    onStatistics: () => closed.resolve(consumer.close()),
  });
  await closed.promise;
  expect(() => consumer.assign([])).toThrow(ClosedError);
});

test("header names without end, and hundreds in one message, are kept apart", async () => {
  clients.mock().createTopic("t", 1);
  const messages = range(0, 60).map((m) => ({
    value: `${m}`,
    headers: Object.fromEntries(range(0, m === 30 ? 700 : 20).map((h) => [`name-${m}-${h}`, `${m}-${h}`])),
  }));
  const sent = clients.producer().sendBatch("t", messages);
  Bun.gc(true);
  await sent;
  const consumer = clients.consumer();
  await consumer.assignTail("t", 60);
  const read = (await take(consumer, 60)).map(({ headers }) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value as Uint8Array)])),
  );
  expect(read).toEqual(messages.map(({ headers }) => headers));
});
