/** When each event came out of Kafka. */
import { Kafka, loadLibrary } from "../../src/kafka/index.ts";
import { now } from "../harness/child.ts";
import { brokers } from "../harness/needs.ts";

/** Reads a topic of three partitions from its beginning, until it is stopped. */
export class Watch {
  /** By event id, milliseconds since 1970. */
  readonly arrivals = new Map<string, number>();
  readonly #consumer;
  #reading: Promise<void> = Promise.resolve();

  constructor(topic: string) {
    const kafka = new Kafka({ library: loadLibrary(), "bootstrap.servers": brokers });
    this.#consumer = kafka.consumer({ "group.id": `bench-${topic}` });
    this.#consumer.assign([0, 1, 2].map((partition) => ({ topic, partition, offset: 0 })));
    this.#reading = this.#read();
  }

  async stop(): Promise<void> {
    await this.#consumer.close();
    await this.#reading.catch(() => {});
  }

  async #read(): Promise<void> {
    const text = new TextDecoder();
    for await (const batch of this.#consumer.batches()) {
      const at = now();
      for (const { headers } of batch) {
        const id = text.decode(headers.ce_id instanceof Uint8Array ? headers.ce_id : undefined);
        if (!this.arrivals.has(id)) this.arrivals.set(id, at);
      }
    }
  }
}
