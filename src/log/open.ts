import type { Config } from "../config.ts";
import { type Library, loadLibrary, type Properties } from "../kafka/index.ts";
import type { Logger } from "../metrics/logger.ts";
import type { Packed } from "../packed.ts";
import { KafkaLog } from "./kafka.ts";
import type { EventLog } from "./log.ts";
import { MemoryLog } from "./memory.ts";
import type { KafkaMetrics } from "./metrics.ts";

/**
 * The event log that the configuration asks for, not started: in Kafka with KAFKA_BROKERS, else in this process.
 * @param packed what a compiled binary brings along
 * @param metrics what the clients of Kafka count in
 * @param restore refills the in-process log with what an earlier process published
 * @throws {LibraryNotFoundError} for Kafka without librdkafka; its one line names the ways to get it
 */
export async function openLog(
  config: Config,
  logger: Logger,
  restore: (log: MemoryLog) => Promise<void>,
  packed: Packed = {},
  metrics?: KafkaMetrics,
): Promise<EventLog> {
  const { KAFKA_TOPIC: topic, KAFKA_PARTITIONS: partitions } = config;
  if (config.KAFKA_BROKERS === undefined) {
    const log = new MemoryLog({ topic, partitions, capacity: config.LOG_RECORDS, now: Date.now });
    await restore(log);
    return log;
  }
  const log = new KafkaLog({
    library: configuredLibrary(config, packed),
    properties: kafkaProperties(config),
    topic,
    partitions,
    replicationFactor: config.KAFKA_REPLICATION_FACTOR,
    group: config.KAFKA_GROUP,
    logger,
    observer: metrics,
  });
  metrics?.watch(log.care);
  return log;
}

/** Loads librdkafka from where the configuration says, else the one that a binary brings. Throws LibraryNotFoundError. */
export function configuredLibrary(config: Config, packed: Packed): Library {
  return loadLibrary({ path: config.LIBRDKAFKA_PATH, embedded: packed.librdkafka });
}

/** librdkafka's properties from the named variables; KAFKA_OPTIONS go before them. */
export function kafkaProperties(config: Config): Properties {
  const named: Record<string, string | undefined> = {
    "bootstrap.servers": config.KAFKA_BROKERS,
    "client.id": "aetherlink",
    "security.protocol": config.KAFKA_SECURITY_PROTOCOL,
    "sasl.mechanism": config.KAFKA_SASL_MECHANISM,
    "sasl.username": config.KAFKA_SASL_USERNAME,
    "sasl.password": config.KAFKA_SASL_PASSWORD,
    "ssl.ca.location": config.KAFKA_SSL_CA,
  };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...config.KAFKA_OPTIONS };
}
