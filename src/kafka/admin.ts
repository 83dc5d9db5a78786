import { type Ptr, text } from "./bindings.ts";
import { Code } from "./errors.ts";
import { type ClientOptions, Handle } from "./handle.ts";
import {
  adminCall,
  array,
  type BrokerNode,
  describeCluster,
  describeConfigs,
  describeTopic,
  Op,
  offsetsByTimestamp,
  type PartitionMetadata,
  type PartitionOffset,
  type Watermarks,
  watermarks,
} from "./requests.ts";

/** A topic to create, as in KafkaJS; what is left out is the broker's default. */
export interface TopicConfig {
  topic: string;
  numPartitions?: number;
  replicationFactor?: number;
  configEntries?: { name: string; value: string }[];
}

const TIMEOUT = 10_000;

/** Creates and describes topics. All timeouts are in milliseconds; every call rejects with KafkaError. */
export class Admin {
  readonly #handle: Handle;

  /** Throws ConfigError for a property that librdkafka refuses. */
  constructor(options: ClientOptions) {
    this.#handle = new Handle("producer", options, {});
  }

  /** Resolves when a broker answers. */
  async connect(timeout = TIMEOUT): Promise<void> {
    await describeCluster(this.#handle, timeout);
  }

  /** All brokers, at the addresses by which they tell clients to reach them. */
  async describeCluster({ timeout = TIMEOUT }: { timeout?: number } = {}): Promise<{ brokers: BrokerNode[] }> {
    return { brokers: await describeCluster(this.#handle, timeout) };
  }

  /** The settings of a topic by their names, such as `retention.ms`; the brokers' defaults are among them. */
  describeTopicConfig(topic: string, timeout = TIMEOUT): Promise<Map<string, string>> {
    return describeConfigs(this.#handle, topic, timeout);
  }

  /** Resolves with true when all were created, false when one was there already. */
  async createTopics({ topics, timeout = TIMEOUT }: { topics: TopicConfig[]; timeout?: number }): Promise<boolean> {
    const { K } = this.#handle;
    const made = topics.map((topic) => this.#newTopic(topic));
    try {
      const call = (options: Ptr | null) =>
        K.rd_kafka_CreateTopics(this.#handle.rk, pointers(made), made.length, options, this.#handle.main);
      const take = (event: Ptr) => this.#codes(array((count) => K.rd_kafka_CreateTopics_result_topics(event, count)));
      const codes = await adminCall(this.#handle, Op.CREATE_TOPICS, timeout, call, take);
      return codes.every((code) => code === Code.NONE);
    } finally {
      for (const topic of made) K.rd_kafka_NewTopic_destroy(topic);
    }
  }

  /** Partitions and leaders of each topic. */
  fetchTopicMetadata({ topics, timeout = TIMEOUT }: { topics: string[]; timeout?: number }) {
    const one = async (name: string): Promise<{ name: string; partitions: PartitionMetadata[] }> => {
      return { name, partitions: await describeTopic(this.#handle, name, timeout) };
    };
    return Promise.all(topics.map(one));
  }

  /** First and next offset of each partition, asked from the brokers now. */
  fetchTopicOffsets(topic: string, timeout = TIMEOUT): Promise<Watermarks[]> {
    return watermarks(this.#handle, topic, timeout);
  }

  /**
   * For each partition the offset of the first message with that timestamp (milliseconds since 1970) or a later one; the
   * next offset when there is none.
   */
  fetchTopicOffsetsByTimestamp(topic: string, timestamp: number, timeout = TIMEOUT): Promise<PartitionOffset[]> {
    return offsetsByTimestamp(this.#handle, topic, timestamp, timeout);
  }

  /** Frees everything. Safe twice. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  /** KafkaJS's name for `close`. */
  disconnect(): Promise<void> {
    return this.close();
  }

  #newTopic({ topic, numPartitions = -1, replicationFactor = -1, configEntries = [] }: TopicConfig): Ptr | null {
    const { K } = this.#handle;
    const why = Buffer.alloc(512);
    const made = K.rd_kafka_NewTopic_new(topic, numPartitions, replicationFactor, why, why.length);
    if (made === null) throw this.#handle.error(Code.INVALID_ARG, text(why), { topic });
    for (const { name, value } of configEntries) K.rd_kafka_NewTopic_set_config(made, name, value);
    return made;
  }

  #codes(results: (Ptr | null)[]): number[] {
    const { K } = this.#handle;
    return results.map((result) => {
      const code = K.rd_kafka_topic_result_error(result);
      if (code === Code.NONE || code === Code.TOPIC_ALREADY_EXISTS) return code;
      const topic = K.rd_kafka_topic_result_name(result) ?? "";
      throw this.#handle.error(code, K.rd_kafka_topic_result_error_string(result), { topic });
    });
  }
}

function pointers(list: (Ptr | null)[]): BigUint64Array {
  return new BigUint64Array(list.map((pointer) => BigInt(pointer ?? 0)));
}
