/**
 * Our client against @platformatic/kafka on the broker that KAFKA_TEST_BROKERS names: same messages, in turn, medians.
 * `bun bench/kafka.ts [rounds] [messages]`. Every measurement runs in a process of its own.
 */
import { stringSerializers, Consumer as TheirConsumer, Producer as TheirProducer } from "@platformatic/kafka";
import { Kafka, loadLibrary, type Message } from "../src/kafka/index.ts";

const BATCH = 2_000;
const IN_FLIGHT = 6;
/** Messages before the clock starts: connections, the broker's files for a new topic, compiled code. */
const WARM_UP = 50_000;
const brokers = (process.env.KAFKA_TEST_BROKERS ?? "127.0.0.1:19092").split(",");
type Figures = Record<string, number>;

const kafka = () => new Kafka({ library: loadLibrary(), "bootstrap.servers": brokers.join(",") });
const say = (text: string) => process.stdout.write(`${text}\n`);
const memory = () => process.memoryUsage.rss() / 1e6;
const quantile = (sorted: number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

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

const measures: Record<string, (topic: string, count: number) => Promise<Figures>> = {
  async "ours produce"(topic, count) {
    return oursProduce(topic, count, (messages) => messages);
  },
  async "ours produce, 9 headers"(topic, count) {
    return oursProduce(`${topic}-headers`, count, (messages) => messages.map((m) => ({ ...m, headers: HEADERS })));
  },
  async "theirs produce"(topic, count) {
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
    return { rate, rss: memory() };
  },
  async "ours consume"(topic, count) {
    return oursConsume(topic, count);
  },
  async "ours consume, 9 headers"(topic, count) {
    return oursConsume(`${topic}-headers`, count);
  },
  async "theirs consume"(topic, count) {
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
    return { rate: (seen / (performance.now() - started)) * 1000, bytes, rss: memory() };
  },
  async "ours latency"(topic) {
    return latency(topic);
  },
  async "ours at rest"(topic) {
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
    return { "cpu %": (user + system) / 5e4, "MB added": rest, "MB at 1,000/s": busy };
  },
};

async function oursProduce(topic: string, count: number, shape: (messages: Message[]) => Message[]): Promise<Figures> {
  const before = memory();
  const producer = kafka().producer();
  await producer.sendBatch(topic, batch(0, 1));
  const send = async (messages: Message[]) => {
    for (const result of await producer.sendBatch(topic, shape(messages))) if (result instanceof Error) throw result;
  };
  await produce(WARM_UP, send);
  const rate = await produce(count, send);
  const added = memory() - before;
  await producer.close();
  return { rate, rss: memory(), added };
}

async function oursConsume(topic: string, count: number): Promise<Figures> {
  const before = memory();
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
  const added = memory() - before;
  await consumer.close();
  return { rate, bytes, rss: memory(), added };
}

async function latency(topic: string): Promise<Figures> {
  const [producer, consumer] = [kafka().producer(), kafka().consumer({ "group.id": "bench" })];
  await consumer.assignTail(topic, 0);
  const [whole, acks]: number[][] = [[], []];
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
    if (i >= 0) [acks?.push(acked - sent), whole?.push(performance.now() - sent)];
    if (i % 10 === 0) await Bun.sleep(1);
  }
  await Promise.all([producer.close(), consumer.close(), reading]);
  for (const list of [acks, whole]) list?.sort((a, b) => a - b);
  const [a, w] = [acks ?? [], whole ?? []];
  return { "ack p50": quantile(a, 0.5), p50: quantile(w, 0.5), p99: quantile(w, 0.99) };
}

async function run(name: string, topic: string, count: number): Promise<Figures> {
  const child = Bun.spawn([process.execPath, import.meta.path, "--one", name, topic, `${count}`], {
    stderr: "inherit",
  });
  return JSON.parse((await Bun.readableStreamToText(child.stdout)).trim().split("\n").at(-1) ?? "{}");
}

async function main(rounds: number, count: number): Promise<void> {
  const admin = kafka().admin();
  const all = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round++) {
    const topic = `bench-${Date.now()}`;
    const names = [topic, `${topic}-headers`];
    await admin.createTopics({
      topics: names.map((name) => ({ topic: name, numPartitions: 3, replicationFactor: 1 })),
    });
    for (const name of Object.keys(measures)) {
      const figures = await run(name, topic, count);
      all.set(name, [...(all.get(name) ?? []), figures]);
      say(`round ${round + 1}  ${name.padEnd(26)} ${print(figures)}`);
    }
  }
  await admin.close();
  say("\nmedians");
  const median = (name: string, figure: string) =>
    quantile(
      (all.get(name) ?? []).map((f) => f[figure] ?? 0).sort((a, b) => a - b),
      0.5,
    );
  for (const [name, figures] of all) {
    say(
      `${name.padEnd(26)} ${print(Object.fromEntries(Object.keys(figures[0] ?? {}).map((f) => [f, median(name, f)])))}`,
    );
  }
  for (const what of ["produce", "consume"]) {
    say(
      `${what}: ${(median(`ours ${what}`, "rate") / median(`theirs ${what}`, "rate")).toFixed(2)} × @platformatic/kafka`,
    );
  }
}

function print(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(2)}`)
    .join("  ");
}

const [, , first, second, topic, count] = process.argv;
if (first === "--one") {
  const figures = await measures[second ?? ""]?.(topic ?? "", Number(count));
  say(JSON.stringify(figures));
  process.exit(0); // @platformatic/kafka's sockets would keep it alive
} else if (import.meta.main) await main(Number(first ?? 3), Number(second ?? 500_000));
