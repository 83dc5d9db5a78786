/**
 * Connections are cut at random while events come, behind a network that a test can break and behind a real proxy, on the
 * log in memory and on a real Kafka: each client sees every event that it asked for once, and those of one aggregate in order.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { EventSource } from "eventsource";
import pino from "pino";
import { loadLibrary } from "../../src/kafka/index.ts";
import { KafkaLog } from "../../src/log/kafka.ts";
import type { EventLog } from "../../src/log/log.ts";
import { testBrokers } from "../support/brokers.ts";
import { Nginx, nginxPath } from "../support/nginx.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { memoryLog, StreamWorld } from "./world.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A log, and how many events are enough to leave the ring while a client is away. */
interface Setting {
  readonly log: () => EventLog;
  readonly isThere: boolean;
}
const SETTINGS: Record<string, Setting> = {
  "in memory": { log: memoryLog, isThere: true },
  "on a real Kafka": {
    isThere: testBrokers() !== undefined,
    log: () =>
      new KafkaLog({
        library: loadLibrary(),
        properties: { "bootstrap.servers": testBrokers() ?? "", "fetch.wait.max.ms": 10 },
        topic: `stream-${crypto.randomUUID()}`,
        partitions: 3,
        replicationFactor: 1,
        group: "stream-test",
        logger: pino({ level: "silent" }),
      }),
  },
};

/** What a client asks for, and which events that are. */
const REQUESTS: { readonly query: Record<string, string>; wants(type: string, n: number): boolean }[] = [
  { query: {}, wants: () => true },
  { query: { type: "Job*" }, wants: (type) => type === "JobCreated" },
  { query: { type: "AccountCreated", heartbeat: "event" }, wants: (type) => type === "AccountCreated" },
  { query: { q: "7" }, wants: (_, n) => String(n).includes("7") },
  { query: { from: "earliest" }, wants: () => true },
];
const ROUNDS = 25;
/** Events kept in memory: what is published in a round is more at times, so that clients have to go to the log. */
const RING = 100;

/** An EventSource as a page keeps one: it gives up for good on the 502 of a proxy, and is then opened anew from the last event. */
class Listener {
  readonly seen: { readonly n: number; readonly key: string }[] = [];
  #source: EventSource | undefined;
  #isClosed = false;

  constructor(
    readonly url: string,
    readonly query: Record<string, string>,
    private lastEventId: string,
  ) {
    stops.push(() => this.#close());
    this.#open();
  }

  #open(): void {
    if (this.#isClosed) return;
    const { from, ...filters } = this.query;
    const start = this.lastEventId === "" && from !== undefined ? { from } : { lastEventId: this.lastEventId };
    const source = new EventSource(`${this.url}/crm-events?${new URLSearchParams({ ...filters, ...start })}`);
    this.#source = source;
    source.onmessage = ({ data, lastEventId }) => {
      this.lastEventId = lastEventId;
      const { key, value } = JSON.parse(data);
      this.seen.push({ key, n: value.n });
    };
    // After it the newest events come again, and those before them never.
    source.addEventListener("reset", () => this.seen.push({ key: "reset", n: -1 }));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#open(), 20);
    };
  }

  #close(): void {
    this.#isClosed = true;
    this.#source?.close();
  }
}

for (const [name, { log, isThere }] of Object.entries(SETTINGS)) {
  describe.skipIf(!isThere || nginxPath() === undefined)(
    `a client of a log ${name}, cut off at random under load`,
    () => {
      test("sees every event that it asked for once, those of an aggregate in order", async () => {
        const world = await StreamWorld.start({ ring: RING, retryMs: 10, heartbeatMs: 100 }, log());
        stops.push(() => world.stop());
        const proxy = new TcpProxy(world.url.replace("http", "postgres"));
        stops.push(() => proxy.stop());
        const nginx = await new Nginx().start(`http://127.0.0.1:${new URL(proxy.url).port}`);
        stops.push(() => nginx.stop());
        const urls = [nginx.url, `http://127.0.0.1:${new URL(proxy.url).port}`];
        const { lastEventId } = world.hub.snapshot(0);
        const listeners = REQUESTS.flatMap(({ query, wants }) =>
          urls.map((url) => ({ wants, query, listener: new Listener(url, query, query.from ? "" : lastEventId) })),
        );
        while (world.hub.clientCount < listeners.length) await Bun.sleep(2);
        for (let round = 0; round < ROUNDS; round++) {
          const burst = Math.random() < 0.2 ? 5 * RING : Math.ceil(Math.random() * 60);
          for (let left = burst; left > 0; left -= 50) {
            await world.publish(Math.min(50, left));
            if (Math.random() < 0.3) proxy.reset();
            await Bun.sleep(Math.random() * 4);
          }
          if (Math.random() < 0.3) world.hub.closeClients();
          if (round % 10 === 9) proxy.refuse();
          await Bun.sleep(Math.random() * 30);
          proxy.admit();
        }
        for (const { wants, listener, query } of listeners) {
          const expected = world.published.filter(({ type, n }) => wants(type, n));
          while (listener.seen.length < expected.length) await Bun.sleep(5);
          // What would come twice comes soon.
          await Bun.sleep(5);
          const got = listener.seen.map(({ n }) => n);
          expect([query, got.toSorted((a, b) => a - b)]).toEqual([query, expected.map(({ n }) => n)]);
          for (const own of Map.groupBy(listener.seen, ({ key }) => key).values())
            expect(own.map(({ n }) => n)).toEqual(own.map(({ n }) => n).toSorted((a, b) => a - b));
        }
        expect(proxy.accepted).toBeGreaterThan(3 * listeners.length);
      });
    },
  );
}
