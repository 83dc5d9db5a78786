import { afterAll, afterEach } from "bun:test";
import {
  Admin,
  type ClientOptions,
  type ConsumedMessage,
  Consumer,
  loadLibrary,
  Producer,
} from "../../src/kafka/index.ts";
import { MockCluster } from "../../src/kafka/mock.ts";

export { testBrokers } from "../support/brokers.ts";

export const library = loadLibrary();
const FAST = { "fetch.wait.max.ms": 10 } as const;

interface Closable {
  close(timeout?: number): Promise<void>;
}

/** Opens clients of one cluster and closes what a test left open, failing it when that leaves a descriptor behind. */
export class Clients {
  readonly #open: Closable[] = [];
  readonly #fast: Partial<ClientOptions>;
  brokers: string;

  /** Without brokers, those of the mock cluster last made; an idempotent producer spends 500 ms on its first request there. */
  constructor(brokers = "") {
    this.brokers = brokers;
    this.#fast = brokers ? {} : { "enable.idempotence": false };
    afterEach(() => this.close());
    afterAll(() => this.close());
  }

  mock(brokers = 1): MockCluster {
    const mock = this.#keep(new MockCluster(library, brokers));
    this.brokers = mock.brokers;
    return mock;
  }

  producer(options: Partial<ClientOptions> = {}): Producer {
    return this.#keep(new Producer({ library, "bootstrap.servers": this.brokers, ...this.#fast, ...options }));
  }

  consumer(options: Partial<ClientOptions> & { "group.id"?: string } = {}): Consumer {
    const group = { "group.id": "test", "bootstrap.servers": this.brokers } as const;
    return this.#keep(new Consumer({ library, ...FAST, ...group, ...options }));
  }

  admin(): Admin {
    return this.#keep(new Admin({ library, "bootstrap.servers": this.brokers }));
  }

  async close(): Promise<void> {
    for (const client of this.#open.splice(0).reverse()) await client.close(0);
  }

  #keep<T extends Closable>(client: T): T {
    this.#open.push(client);
    return client;
  }
}

/** Reads until `count` messages have come. */
export async function take(consumer: Consumer, count: number): Promise<ConsumedMessage[]> {
  const messages: ConsumedMessage[] = [];
  if (count === 0) return messages;
  for await (const batch of consumer.batches()) {
    messages.push(...batch);
    if (messages.length >= count) break;
  }
  return messages;
}

/** Waits until `what` holds; the test's own time limit ends it. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await Bun.sleep(5);
}

export const text = (bytes: Uint8Array | null | undefined) => (bytes ? Buffer.from(bytes).toString() : bytes);
