import { type Config, readConfig } from "../config.ts";
import { type Admin, Kafka, KafkaError } from "../kafka/index.ts";
import { configuredLibrary, kafkaProperties } from "../log/open.ts";
import type { Packed } from "../packed.ts";
import { CommandError } from "./exit.ts";

/** Milliseconds that brokers get for one answer. */
export const ANSWER_MS = 5_000;

/** UNKNOWN_TOPIC_OR_PART of the broker, and librdkafka's own UNKNOWN_TOPIC. */
const UNKNOWN_TOPIC = new Set([3, -188]);

/**
 * Runs `work` on the brokers of KAFKA_BROKERS.
 * @throws {CommandError | ConfigError | LibraryNotFoundError}
 */
export async function withBroker<T>(packed: Packed, work: (admin: Admin, config: Config) => Promise<T>): Promise<T> {
  const config = readConfig();
  if (config.KAFKA_BROKERS === undefined) {
    throw new CommandError(
      "KAFKA_BROKERS: is not set; without it the event log is inside the server and needs no topic",
    );
  }
  const admin = openAdmin(config, packed);
  try {
    return await work(admin, config);
  } catch (error) {
    throw error instanceof KafkaError ? new CommandError(`KAFKA_BROKERS: ${reasonOf(error)}`, { cause: error }) : error;
  } finally {
    await admin.close();
  }
}

/** Opens a client that logs nothing: what fails is said by the error of the call. */
export function openAdmin(config: Config, packed: Packed): Admin {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  return new Kafka({ ...kafkaProperties(config), library: configuredLibrary(config, packed), logger }).admin();
}

export function isUnknownTopic(error: unknown): boolean {
  return error instanceof KafkaError && UNKNOWN_TOPIC.has(error.code);
}

/** An error's message on one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).replaceAll(/\s+/g, " ");
}
