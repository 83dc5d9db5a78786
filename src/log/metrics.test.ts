import { afterEach, expect, test } from "bun:test";
import pino from "pino";
import { Registry } from "prom-client";
import { until } from "../../test/support/wait.ts";
import { type BrokerStatistics, loadLibrary, type Statistics } from "../kafka/index.ts";
import { MockCluster } from "../kafka/mock.ts";
import { KafkaLog } from "./kafka.ts";
import { KafkaMetrics } from "./metrics.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

function counted() {
  const registry = new Registry();
  const clock = { now: 0 };
  const metrics = new KafkaMetrics(registry, () => clock.now);
  const values = async () =>
    Object.fromEntries(
      [...(await registry.metrics()).matchAll(/^kafka_(\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    ) as Record<string, number>;
  return { metrics, values, clock };
}

const broker = (nodeid: number, state: string, p99: number, cnt = 1): BrokerStatistics => ({
  nodeid,
  state,
  rtt: { cnt, p99 },
});
const report = (type: Statistics["type"], name: string, msg_cnt: number, brokers: BrokerStatistics[]): Statistics => ({
  name,
  type,
  msg_cnt,
  msg_size: 0,
  brokers: Object.fromEntries(brokers.map((one, i) => [`b${i}`, one])),
});

test("nothing is claimed before a client has reported", async () => {
  const { values } = counted();
  expect(await values()).toEqual({ errors_total: 0 });
});

test("brokers count once, those without an id and those that are down do not; the worst of the producer's times is told in seconds", async () => {
  const { metrics, values } = counted();
  metrics.statistics(
    report("producer", "p1", 12, [broker(-1, "UP", 90_000), broker(1, "UP", 2_000), broker(2, "DOWN", 7_000)]),
  );
  metrics.statistics(report("consumer", "c1", 0, [broker(1, "UP", 500_000), broker(3, "UP", 1, 0)]));
  expect(await values()).toMatchObject({
    producer_queue_messages: 12,
    brokers_up: 2,
    broker_round_trip_seconds: 0.09,
    errors_total: 0,
  });
});

test("a producer that asked nothing has no time, and a client that reports no more is forgotten", async () => {
  const { metrics, values, clock } = counted();
  metrics.statistics(report("producer", "p1", 12, [broker(1, "UP", 0, 0)]));
  expect(Object.keys(await values())).not.toContain("broker_round_trip_seconds");
  clock.now = 10_000;
  metrics.statistics(report("producer", "p2", 3, []));
  expect((await values()).producer_queue_messages).toBe(15);
  clock.now = 15_001;
  expect(await values()).toMatchObject({ producer_queue_messages: 3, brokers_up: 0 });
  clock.now = 99_000;
  expect(await values()).toEqual({ errors_total: 0 });
});

test("a log on a broker tells its lag, queue, brokers and round trip, and its errors when the broker goes", async () => {
  const library = loadLibrary();
  const mock = new MockCluster(library);
  let isUp = true;
  const end = async () => {
    if (isUp) await mock.close();
    isUp = false;
  };
  mock.createTopic("metrics", 3);
  const registry = new Registry();
  const metrics = new KafkaMetrics(registry);
  const log = new KafkaLog({
    library,
    properties: { "bootstrap.servers": mock.brokers, "fetch.wait.max.ms": 10, "enable.idempotence": false },
    topic: "metrics",
    partitions: 3,
    replicationFactor: 1,
    group: "metrics",
    logger: pino({ level: "silent" }),
    observer: metrics,
  });
  metrics.watch(log.care);
  const value = async (name: string) => {
    const found = new RegExp(`^kafka_${name} (\\S+)$`, "m").exec(await registry.metrics())?.[1];
    return found === undefined ? undefined : Number(found);
  };
  stops.push(end, () => log.stop());
  await log.start();
  expect(await value("consumer_lag_messages")).toBeUndefined();
  const records = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: "{}", headers: {} }));
  await log.publish(records);

  const abort = new AbortController();
  const reader = log.read(new Map(), abort.signal, { notePosition: true });
  const batches = reader[Symbol.asyncIterator]();
  let read = 0;
  while (read < 300) read += (await batches.next()).value?.length ?? 0;
  await until("the lag is told", 10_000, async () => (await value("consumer_lag_messages")) === 0);
  await until(
    "the producer has reported",
    10_000,
    async () => (await value("broker_round_trip_seconds")) !== undefined,
  );
  expect(await value("broker_round_trip_seconds")).toBeGreaterThan(0);
  expect(await value("broker_round_trip_seconds")).toBeLessThan(5);
  expect(await value("brokers_up")).toBe(1);
  expect(await value("producer_queue_messages")).toBe(0);
  expect(await value("errors_total")).toBe(0);

  abort.abort();
  // What is closed is not asked any more.
  expect(await value("consumer_lag_messages")).toBeUndefined();
  await batches.next();
  await end();
  await until("errors are counted", 10_000, async () => ((await value("errors_total")) ?? 0) > 0);
  await until("no broker is up", 10_000, async () => (await value("brokers_up")) === 0);
}, 30_000);
