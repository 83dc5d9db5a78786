/** One measurement of a Kafka client, as a process of its own: `client.child.ts <measure> <topic> <messages>`; prints JSON. */
import { stringSerializers, Consumer as TheirConsumer, Producer as TheirProducer } from "@platformatic/kafka";
import { Kafka, loadLibrary, type Message } from "../../src/kafka/index.ts";
import { brokers as named } from "../harness/needs.ts";
import { memoryMb } from "../harness/proc.ts";
import { quantile } from "../harness/stats.ts";

const BATCH = 2_000;
const IN_FLIGHT = 6;
/** Messages before the clock starts: connections, the broker's files for a new topic, compiled code. */
const WARM_UP = 50_000;
const brokers = named.split(",");

const kafka = () => new Kafka({ library: loadLibrary(), "bootstrap.servers": brokers.join(",") });
const memory = () => process.memoryUsage.rss() / 2 ** 20;

export type KafkaMeasure = keyof typeof measures;
export type KafkaFigures = {
  /** Messages a second. */
  readonly rate?: number;
  /** Of all values that were read, so that they are. */
  readonly bytes?: number;
  /** Milliseconds. */
  readonly ackP50?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly restPercent?: number;
  readonly restMb?: number;
  readonly busyMb?: number;
  /** Of the whole process. */
  readonly cores?: number;
  readonly peakMb?: number;
};
type Figures = KafkaFigures;

const PAD = "x".repeat(250 - '{"n":,"pad":""}'.length);
const HEADERS = {
  ce_specversion: "1.0",
  ce_id: "0198f3a2-7c1e-7b54-9d43-0f6a5b1c2d3e",
  ce_type: "JobCreated",
  ce_source: "/api/crm/jobs",
  ce_time: "2026-11-23T07:00:00.000Z",
  ce_subject: "0198f3a2-7c1e-7b54-9d43-0f6a5b1c2d3f",
  ce_tenantid: "0198f3a2-7c1e-7b54-9d43-0f6a5b1c2d40",
  "content-type": "application/json",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

/** 250-byte values, 50 keys. */
function batch(first: number, size: number): { key: string; value: string }[] {
  return Array.from({ length: size }, (_, i) => {
    const n = first + i;
    return { key: `aggregate-${n % 50}`, value: JSON.stringify({ n, pad: PAD.slice(`${n}`.length) }) };
  });
}

/** Keeps IN_FLIGHT batches under way until `count` messages are acknowledged; messages a second. */
async function produce(
  count: number,
  send: (messages: { key: string; value: string }[]) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const first = next;
      next += BATCH;
      await send(batch(first, Math.min(BATCH, count - first)));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return (count / (performance.now() - started)) * 1000;
}

const measures = {
  async "ours produce"(topic: string, count: number): Promise<Figures> {
    return oursProduce(topic, count, (messages) => messages);
  },
  async "ours produce, 9 headers"(topic: string, count: number): Promise<Figures> {
    return oursProduce(topic, count, (messages) => messages.map((m) => ({ ...m, headers: HEADERS })));
  },
  async "theirs produce"(topic: string, count: number): Promise<Figures> {
    const producer = new TheirProducer({
      clientId: "bench",
      bootstrapBrokers: brokers,
      serializers: stringSerializers,
    });
    const send = (messages: { key: string; value: string }[]) =>
      producer.send({ messages: messages.map((m) => ({ topic, ...m })), acks: -1, idempotent: true });
    await send(batch(0, 1));
    await produce(WARM_UP, send);
    const rate = await produce(count, send);
    return { rate };
  },
  async "ours consume"(topic: string, count: number): Promise<Figures> {
    return oursConsume(topic, count);
  },
  async "ours consume, 9 headers"(topic: string, count: number): Promise<Figures> {
    return oursConsume(topic, count);
  },
  async "theirs consume"(topic: string, count: number): Promise<Figures> {
    const consumer = new TheirConsumer({
      clientId: "bench",
      groupId: `bench-${Date.now()}`,
      bootstrapBrokers: brokers,
    });
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 50 });
    let [seen, bytes, started] = [0, 0, 0];
    for await (const message of stream) {
      if (seen++ === 0) started = performance.now();
      bytes += message.value?.length ?? 0;
      if (seen >= count) break;
    }
    return { rate: (seen / (performance.now() - started)) * 1000, bytes };
  },
  async "ours one at a time"(topic: string): Promise<Figures> {
    return latency(topic);
  },
  async "ours at rest"(topic: string): Promise<Figures> {
    for (let i = 0; i < 10; i++) {
      Bun.gc(true); // what starting Bun took is given back first
      await Bun.sleep(100);
    }
    const before = memory();
    const [producer, consumer] = [kafka().producer(), kafka().consumer({ "group.id": "bench" })];
    await consumer.assignTail(topic, 0);
    await producer.sendBatch(topic, batch(0, 1));
    const reading = (async () => {
      for await (const _ of consumer.batches());
    })();
    await Bun.sleep(1_000);
    const cpu = process.cpuUsage();
    await Bun.sleep(5_000);
    const { user, system } = process.cpuUsage(cpu);
    const rest = memory() - before;
    const until = performance.now() + 5_000;
    for (let i = 0; performance.now() < until; i += 100) {
      await producer.sendBatch(topic, batch(i, 100));
      await Bun.sleep(95);
    }
    const busy = memory() - before;
    await Promise.all([producer.close(), consumer.close(), reading]);
    return { restPercent: (user + system) / 5e4, restMb: rest, busyMb: busy };
  },
};

async function oursProduce(topic: string, count: number, shape: (messages: Message[]) => Message[]): Promise<Figures> {
  const producer = kafka().producer();
  await producer.sendBatch(topic, batch(0, 1));
  const send = async (messages: Message[]) => {
    for (const result of await producer.sendBatch(topic, shape(messages))) if (result instanceof Error) throw result;
  };
  await produce(WARM_UP, send);
  const rate = await produce(count, send);
  await producer.close();
  return { rate };
}

async function oursConsume(topic: string, count: number): Promise<Figures> {
  const consumer = kafka().consumer({ "group.id": "bench" });
  const marks = await consumer.watermarks(topic);
  let [seen, bytes, started] = [0, 0, 0];
  consumer.assign(marks.map(({ partition, low }) => ({ topic, partition, offset: low })));
  for await (const messages of consumer.batches()) {
    if (seen === 0) started = performance.now();
    for (const { value } of messages) bytes += value?.length ?? 0;
    seen += messages.length;
    if (seen >= count) break;
  }
  const rate = (seen / (performance.now() - started)) * 1000;
  await consumer.close();
  return { rate, bytes };
}

async function latency(topic: string): Promise<Figures> {
  const [producer, consumer] = [kafka().producer(), kafka().consumer({ "group.id": "bench" })];
  await consumer.assignTail(topic, 0);
  const whole: number[] = [];
  const acks: number[] = [];
  const got = new Map<string, () => void>();
  const reading = (async () => {
    for await (const messages of consumer.batches()) {
      for (const { key } of messages) got.get(Buffer.from(key ?? []).toString())?.();
    }
  })();
  for (let i = -200; i < 2_000; i++) {
    const arrived = Promise.withResolvers<void>();
    got.set(`one-${i}`, arrived.resolve);
    const sent = performance.now();
    await producer.send({ topic, messages: [{ key: `one-${i}`, value: "x".repeat(250) }] });
    const acked = performance.now();
    await arrived.promise;
    if (i >= 0) {
      acks.push(acked - sent);
      whole.push(performance.now() - sent);
    }
    if (i % 10 === 0) await Bun.sleep(1);
  }
  await Promise.all([producer.close(), consumer.close(), reading]);
  return { ackP50: quantile(acks, 0.5), p50: quantile(whole, 0.5), p99: quantile(whole, 0.99) };
}

const [, , name = "", topic = "", count = ""] = process.argv;
const measure = measures[name as KafkaMeasure];
const figures = await measure(topic, Number(count));
const { user, system } = process.cpuUsage();
// The clock begins with the process, as its processor time does.
const cores = (user + system) / 1e3 / performance.now();
process.stdout.write(`${JSON.stringify({ ...figures, cores, peakMb: memoryMb(process.pid).peak })}\n`);
process.exit(0); // @platformatic/kafka's sockets would keep it alive
