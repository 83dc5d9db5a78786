/** librdkafka for Bun: see README.md. */
export { Admin, type TopicConfig } from "./admin.ts";
export type { Properties } from "./config.ts";
export { CONSUMER_DEFAULTS, Consumer } from "./consumer.ts";
export {
  ClosedError,
  Code,
  ConfigError,
  KafkaError,
  LibraryNotFoundError,
  LibraryVersionError,
  OffsetOutOfRangeError,
} from "./errors.ts";
export type { BrokerStatistics, ClientOptions, Logger, Statistics } from "./handle.ts";
export { Kafka } from "./kafka.ts";
export {
  cachedLibraryPath,
  describeLibrary,
  LIBRDKAFKA_VERSION,
  type Library,
  type LibraryOptions,
  loadLibrary,
} from "./library.ts";
export type { Bytes, ConsumedMessage, Message } from "./message.ts";
export type { TopicPartitionOffset, TopicPartitions } from "./partitions.ts";
export { type Delivered, PRODUCER_DEFAULTS, Producer, type RecordMetadata } from "./producer.ts";
export type { BrokerNode, PartitionMetadata, Watermarks } from "./requests.ts";
