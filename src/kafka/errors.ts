/** Codes of librdkafka that our code acts on; negative ones are its own, the others the broker's (rdkafka.h, rd_kafka_resp_err_t). */
export const Code = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  TOPIC_ALREADY_EXISTS: 36,
  BAD_MSG: -199,
  AUTO_OFFSET_RESET: -140,
  PURGE_QUEUE: -152,
  INVALID_ARG: -186,
  ALL_BROKERS_DOWN: -187,
  AUTHENTICATION: -169,
  SSL: -181,
  QUEUE_FULL: -184,
  TIMED_OUT: -185,
  UNKNOWN_TOPIC: -188,
  UNKNOWN_PARTITION: -190,
} as const;

/**
 * Codes that speak of the message itself: sent again unchanged it would be refused again. Everything else (broker away,
 * time out, topic missing or not ours to write) concerns all messages alike and may pass, so `retriable` is true for it.
 * In order: INVALID_MSG, INVALID_MSG_SIZE, MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, POLICY_VIOLATION,
 * INVALID_RECORD, then librdkafka's own BAD_MSG, INVALID_ARG, UNKNOWN_PARTITION.
 */
const OF_THE_MESSAGE = new Set([2, 4, 10, 18, 32, 44, 87, -199, -186, -190]);

/** Codes that only say that no answer came (REQUEST_TIMED_OUT, MSG_TIMED_OUT, TIMED_OUT, TIMED_OUT_QUEUE): the last connection error says why. */
export const NO_ANSWER = new Set([7, -192, -185, -166]);

/** Where an error happened, as far as librdkafka says. */
export interface Where {
  topic?: string;
  partition?: number;
  offset?: number;
}

/** An error of librdkafka or of a broker. `cause`, when set, is the client's last connection error and names the address. */
export class KafkaError extends Error {
  override name = "KafkaError";
  /** False only when this very message would be refused again: it, and not the connection or the client, is at fault. */
  readonly retriable: boolean;
  /** True when the client can do nothing more: close it, open a new one, send again. */
  readonly fatal: boolean;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;

  /** `code` is the number in rd_kafka_resp_err_t, `type` its name as KafkaJS writes it, such as `ERR__MSG_TIMED_OUT`. */
  constructor(
    readonly code: number,
    readonly type: string,
    text: string,
    more: Where & { fatal?: boolean; cause?: Error } = {},
  ) {
    super(text, more.cause ? { cause: more.cause } : undefined);
    this.fatal = more.fatal ?? false;
    this.retriable = this.fatal || !OF_THE_MESSAGE.has(code);
    if (more.topic !== undefined) this.topic = more.topic;
    if (more.partition !== undefined) this.partition = more.partition;
    if (more.offset !== undefined) this.offset = more.offset;
  }
}

/** The offset asked for is no longer, or not yet, in the partition: assign or seek again. `topic`, `partition`, `offset` say which. */
export class OffsetOutOfRangeError extends KafkaError {
  override name = "OffsetOutOfRangeError";
}

/** A property librdkafka does not know or does not accept. Values of secret properties never stand in the message. */
export class ConfigError extends KafkaError {
  override name = "ConfigError";
}

/** A call on a client after `close()`, or one that `close()` interrupted. */
export class ClosedError extends Error {
  override name = "ClosedError";
  constructor(client: string) {
    super(`The Kafka ${client} is closed`);
  }
}

/** No librdkafka could be loaded. The message is one line with the three ways to get it. */
export class LibraryNotFoundError extends Error {
  override name = "LibraryNotFoundError";
  constructor(why: string) {
    super(
      `No usable librdkafka (${why}): run "bun run librdkafka" to compile it (needs cc and make), ` +
        "or install your system's package (librdkafka1, 2.3 or newer), or set LIBRDKAFKA_PATH to a shared library.",
    );
  }
}

/** A librdkafka was found, but of a version whose structures this code does not know; which one, and how to get another, says the message. */
export class LibraryVersionError extends LibraryNotFoundError {
  override name = "LibraryVersionError";
}
