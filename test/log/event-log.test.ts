/** One suite for every implementation of EventLog: in memory, on librdkafka's mock cluster, on a real Kafka. */
import { afterEach, describe, expect, test } from "bun:test";
import pino from "pino";
import { Admin, loadLibrary } from "../../src/kafka/index.ts";
import { MockCluster } from "../../src/kafka/mock.ts";
import { KafkaLog } from "../../src/log/kafka.ts";
import {
  type EventLog,
  type LogRecord,
  NotPublishedError,
  OffsetOutOfRangeError,
  RecordRefusedError,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { OffsetVector } from "../../src/log/vector.ts";
import { testBrokers } from "../kafka/support.ts";
import { positionsOf } from "../support/positions.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function started<T extends EventLog>(log: T): Promise<T> {
  stops.push(() => log.stop());
  await log.start();
  return log;
}

const kafkaLog = (brokers: string, topic: string, properties: Record<string, boolean | number> = {}) =>
  new KafkaLog({
    library: loadLibrary(),
    properties: { "bootstrap.servers": brokers, "fetch.wait.max.ms": 10, ...properties },
    topic,
    partitions: 3,
    replicationFactor: 1,
    group: "contract",
    logger: pino({ level: "silent" }),
  });

/** A new log with three empty partitions. */
const implementations: Record<string, (() => Promise<EventLog>) | undefined> = {
  "in memory": () => started(new MemoryLog({ topic: "contract", partitions: 3, capacity: 100_000, now: Date.now })),
  "on librdkafka's mock cluster": async () => {
    const mock = new MockCluster(loadLibrary());
    stops.push(() => mock.close());
    mock.createTopic("contract", 3);
    // An idempotent producer spends 500 ms on its first request there.
    return await started(kafkaLog(mock.brokers, "contract", { "enable.idempotence": false }));
  },
  "on a real Kafka": testBrokers()
    ? () => started(kafkaLog(testBrokers() ?? "", `contract-${crypto.randomUUID()}`))
    : undefined,
};

const outgoing = (key: string, value: string | null = key, headers: Record<string, string> = {}) => ({
  key,
  value,
  headers,
});

/** Reads until `count` records came. */
async function take(log: EventLog, from: OffsetVector, count: number): Promise<LogRecord[]> {
  const stop = new AbortController();
  const records: LogRecord[] = [];
  for await (const batch of log.read(from, stop.signal)) {
    records.push(...batch);
    if (records.length >= count) break;
  }
  stop.abort();
  return records;
}

const byPartition = (records: LogRecord[]) => Map.groupBy(records, (record) => record.partition);
const BEGINNING: OffsetVector = new Map();
/** More than any of the logs takes. */
const TOO_LARGE = "x".repeat(1_100_000);

for (const [name, open] of Object.entries(implementations)) {
  describe.skipIf(open === undefined)(`an event log ${name}`, () => {
    const create = () => open?.() ?? Promise.reject(new Error("not to be had"));

    test("keeps what was published: partition of the key, order, value, headers, position", async () => {
      const log = await create();
      const sent = Array.from({ length: 500 }, (_, i) =>
        outgoing(`key-${i % 13}`, JSON.stringify({ i, text: "é\u2028😀" }), { n: `${i}` }),
      );
      const positions = positionsOf(await log.publish(sent));
      const records = await take(log, BEGINNING, 500);
      expect(records).toHaveLength(500);
      for (const own of byPartition(records).values()) {
        expect(own.map((record) => record.offset)).toEqual(own.map((_, offset) => offset));
      }
      for (const [i, record] of sent.entries()) {
        const { partition = -1, offset = -1 } = positions[i] ?? {};
        const kept = records.find((one) => one.partition === partition && one.offset === offset);
        expect(kept).toMatchObject({ key: record.key, value: record.value, headers: record.headers, topic: log.topic });
        expect(Math.abs((kept?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000);
      }
      for (const own of Map.groupBy(records, (record) => record.key).values()) {
        expect(new Set(own.map((record) => record.partition)).size).toBe(1);
        const numbers = own.map((record) => Number(record.headers.n));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    });

    test("tells a reader once that it reached the end, then gives it what comes", async () => {
      const log = await create();
      positionsOf(await log.publish([outgoing("a"), outgoing("b", null)]));
      const stop = new AbortController();
      const seen: (string | null)[][] = [];
      let ends = 0;
      for await (const batch of log.read(BEGINNING, stop.signal)) {
        seen.push(batch.map((record) => record.value));
        if (batch.length > 0 && ends === 0) continue;
        if (ends++ === 0) await log.publish([outgoing("c")]);
        else stop.abort();
      }
      expect(seen.flat().toSorted()).toEqual(["a", "c", null].toSorted());
      expect(seen.filter((batch) => batch.length === 0)).toHaveLength(1);
    });

    test("tells a reader of an empty log at once that it reached the end", async () => {
      const log = await create();
      const reader = log.read(BEGINNING, new AbortController().signal)[Symbol.asyncIterator]();
      expect((await reader.next()).value).toEqual([]);
      await reader.return?.();
    });

    test("lets a reader resume at any vector without gap or repeat", async () => {
      const log = await create();
      await log.publish(Array.from({ length: 200 }, (_, i) => outgoing(`key-${i}`)));
      const all = await take(log, BEGINNING, 200);
      for (const cut of [0, 1, 77, 199]) {
        const position = new Map<number, number>();
        for (const record of all.slice(0, cut)) position.set(record.partition, record.offset + 1);
        const rest = await take(log, position, 200 - cut);
        const name = (record: LogRecord) => `${record.partition}:${record.offset}`;
        expect(rest.map(name).toSorted()).toEqual(all.slice(cut).map(name).toSorted());
      }
    });

    test("refuses a reader beyond its end by an error of its own", async () => {
      const log = await create();
      await log.publish([outgoing("a")]);
      const beyond = new Map([0, 1, 2].map((partition) => [partition, 1_000]));
      await expect(take(log, beyond, 1)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
    });

    test("has watermarks of every partition", async () => {
      const log = await create();
      const positions = positionsOf(await log.publish([outgoing("a"), outgoing("b"), outgoing("c")]));
      const marks = await log.watermarks();
      expect(marks.map(({ partition }) => partition)).toEqual([0, 1, 2]);
      for (const { partition, low, high } of marks) {
        expect(low).toBe(0);
        expect(high).toBe(positions.filter((position) => position.partition === partition).length);
      }
    });

    // The mock cluster keeps no times: it answers -1, which is 'none', to every one.
    if (!name.includes("mock"))
      test("finds the first record at a time or behind it, and the end", async () => {
        const log = await create();
        const before = positionsOf(await log.publish(Array.from({ length: 30 }, (_, i) => outgoing(`key-${i}`))));
        const last = Math.max(...before.map(({ timestamp }) => timestamp));
        while (Date.now() <= last) await Bun.sleep(1);
        const behind = positionsOf(await log.publish([outgoing("key-1"), outgoing("key-1")]));
        const count = (partition: number) => before.filter((position) => position.partition === partition).length;
        const ends = new Map((await log.watermarks()).map(({ partition, high }) => [partition, high]));
        expect(await log.offsetsAt(new Date(0))).toEqual(new Map([0, 1, 2].map((partition) => [partition, 0])));
        expect(await log.offsetsAt(new Date(last + 1))).toEqual(
          new Map([0, 1, 2].map((partition) => [partition, count(partition)])),
        );
        const future = Math.max(...behind.map(({ timestamp }) => timestamp)) + 60_000;
        expect(await log.offsetsAt(new Date(future))).toEqual(ends);
      });

    for (const apart of [false, true]) {
      test(`refuses a record that is too large, publishes none of its key behind it, and all others${apart ? ", one by one" : ""}`, async () => {
        const log = await create();
        const sent = Array.from({ length: 40 }, (_, i) => outgoing(`key-${i % 8}`, i === 11 ? TOO_LARGE : `${i}`));
        const outcomes = await log.publish(sent, { apart });
        const isHeld = (i: number) => i % 8 === 3 && i > 11;
        for (const [i, outcome] of outcomes.entries()) {
          if (i === 11) expect(outcome).toBeInstanceOf(RecordRefusedError);
          else if (isHeld(i)) expect(outcome).toBeInstanceOf(NotPublishedError);
          else expect(outcome).toHaveProperty("offset");
        }
        const published = sent.filter((_, i) => i !== 11 && !isHeld(i));
        const records = await take(log, BEGINNING, published.length);
        expect(records.map((record) => record.value).toSorted()).toEqual(
          published.map(({ value }) => value).toSorted(),
        );
        positionsOf(await log.publish([outgoing("key-3", "goes on")]));
      });
    }

    test("ends a waiting reader when it is aborted, and all of them when the log stops; stopping twice is safe", async () => {
      const log = await create();
      const abort = new AbortController();
      const [first, second] = [abort.signal, new AbortController().signal].map((signal) =>
        log.read(BEGINNING, signal)[Symbol.asyncIterator](),
      );
      for (const reader of [first, second]) expect((await reader?.next())?.value).toEqual([]);
      const waiting = [first?.next(), second?.next()];
      abort.abort();
      expect((await waiting[0])?.done).toBe(true);
      await log.stop();
      expect((await waiting[1])?.done).toBe(true);
      await log.stop();
      expect(await log.publish([outgoing("a")])).toMatchObject([{ name: "NotPublishedError" }]);
    });
  });
}

describe.skipIf(!testBrokers())("a topic that allows less than the producer sends", () => {
  const brokers = testBrokers() ?? "";

  async function smallTopic(properties: Record<string, number> = {}): Promise<KafkaLog> {
    const topic = `small-${crypto.randomUUID()}`;
    const admin = new Admin({ library: loadLibrary(), "bootstrap.servers": brokers });
    const configEntries = [{ name: "max.message.bytes", value: "50000" }];
    await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1, configEntries }] });
    await admin.close();
    return await started(kafkaLog(brokers, topic, properties));
  }

  test("refuses the record that is too large for it and no other of the same request", async () => {
    const log = await smallTopic();
    const sent = Array.from({ length: 3_000 }, (_, i) =>
      outgoing(`key-${i % 50}`, i === 777 ? "x".repeat(60_000) : `${i}`),
    );
    const outcomes = await log.publish(sent);
    const isHeld = (i: number) => i % 50 === 777 % 50 && i > 777;
    expect(outcomes.flatMap((outcome, i) => (outcome instanceof RecordRefusedError ? [i] : []))).toEqual([777]);
    const notPublished = outcomes.flatMap((outcome, i) => (outcome instanceof NotPublishedError ? [i] : []));
    expect(notPublished).toEqual([...sent.keys()].filter(isHeld));
    const expected = sent.filter((_, i) => i !== 777 && !isHeld(i));
    const records = await take(log, BEGINNING, expected.length);
    for (const [key, own] of Map.groupBy(records, (record) => record.key)) {
      expect(own.map(({ value }) => value)).toEqual(
        expected.filter((one) => one.key === key).map(({ value }) => value),
      );
    }
  });

  test("is sent smaller requests once it refused one whose records are all welcome", async () => {
    const log = await smallTopic();
    const round = () => Array.from({ length: 1_000 }, (_, i) => outgoing(`key-${i % 50}`, "y".repeat(1_000)));
    for (let n = 0; n < 4; n++) positionsOf(await log.publish(round()));
    expect(await take(log, BEGINNING, 4_000)).toHaveLength(4_000);
  });

  // Brokers take whatever comes first of a producer that they do not know, and so what stands behind a refused request.
  test("is sent nothing behind a record of the same key that it refuses, by a producer that has written nothing yet", async () => {
    for (let round = 0; round < 4; round++) {
      // As after a topic was found to take small requests only: each record in its own.
      const log = await smallTopic({ "batch.num.messages": 1 });
      const values = ["x".repeat(60_000), "behind", "further behind"];
      const outcomes = await log.publish(values.map((value) => outgoing("key", value)));
      expect(outcomes[0]).toBeInstanceOf(RecordRefusedError);
      expect(outcomes.slice(1).every((outcome) => outcome instanceof NotPublishedError)).toBe(true);
      const watermarks = await log.watermarks();
      expect(watermarks.map(({ high }) => high)).toEqual([0, 0, 0]);
    }
  });
});
