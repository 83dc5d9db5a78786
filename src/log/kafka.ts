import {
  type Admin,
  type ClientOptions,
  type ConsumedMessage,
  type Consumer,
  Kafka,
  KafkaError,
  OffsetOutOfRangeError as KafkaOffsetOutOfRangeError,
  type Library,
  type Properties,
} from "../kafka/index.ts";
import type { Logger } from "../metrics/logger.ts";
import { KafkaPublisher } from "./kafka-publisher.ts";
import {
  type EventLog,
  type LogCare,
  type LogRecord,
  OffsetOutOfRangeError,
  type OutgoingRecord,
  type PublishOptions,
  type PublishOutcome,
  type ReadOptions,
  type Watermarks,
} from "./log.ts";
import { type KafkaObserver, STATISTICS_MS } from "./metrics.ts";
import type { OffsetVector } from "./vector.ts";

export interface KafkaLogOptions {
  readonly library: Library;
  /** librdkafka's properties, `bootstrap.servers` at least. */
  readonly properties: Properties;
  readonly topic: string;
  /** Partitions and replicas of the topic when it has to be created; 0 replicas: the brokers' default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Consumer group under which a reader's position is noted. */
  readonly group: string;
  readonly logger: Logger;
  /** Told how the clients for writing and for following the end do. */
  readonly observer?: KafkaObserver | undefined;
}

/** Milliseconds between tries to find or create the topic. */
const TOPIC_RETRY_MS = 1_000;
/** Milliseconds between two looks for a topic that was just created. */
const TOPIC_KNOWN_MS = 20;
/** Milliseconds that brokers get to answer one question. */
const ANSWER_MS = 10_000;
/** Milliseconds without a record after which a reader counts as having reached the end: a gap may stand at the very end. */
const QUIET_MS = 1_000;
/** Milliseconds between notes of a reader's position. */
const COMMIT_INTERVAL_MS = 5_000;

/** The event log in Kafka. Brokers that are away are waited for: neither start nor stop depends on them. */
export class KafkaLog implements EventLog {
  readonly topic: string;
  readonly #options: KafkaLogOptions;
  readonly #kafka: Kafka;
  readonly #publisher: KafkaPublisher;
  readonly #observed: Partial<ClientOptions>;
  #admin: Admin | undefined;
  /** The reader that notes its position. */
  #follower: Consumer | undefined;
  /** Resolves with the number of its partitions, which hardly ever changes; all keys move then anyway. */
  readonly #topicIsThere = Promise.withResolvers<number>();
  readonly #stop = new AbortController();

  constructor(options: KafkaLogOptions) {
    this.topic = options.topic;
    this.#options = options;
    const logger = {
      debug: (message: string, extra?: object) => options.logger.debug(extra, message),
      info: (message: string, extra?: object) => options.logger.info(extra, message),
      warn: (message: string, extra?: object) => options.logger.warn(extra, message),
      error: (message: string, extra?: object) => options.logger.error(extra, message),
    };
    const { observer, library } = options;
    const onError = observer === undefined ? {} : { onError: observer.failed };
    this.#kafka = new Kafka({ ...options.properties, ...onError, library, logger });
    this.#observed = observer === undefined ? {} : observed(observer);
    this.#publisher = new KafkaPublisher(this.#kafka, {
      topic: options.topic,
      isIdempotent: String(options.properties["enable.idempotence"] ?? true) === "true",
      partitions: this.#topicIsThere.promise,
      logger: options.logger,
      observed: this.#observed,
    });
    // Whoever waits for the topic hears of a stop; nobody waiting is no fault.
    this.#topicIsThere.promise.catch(() => {});
  }

  /**
   * Opens the clients; the topic is looked for, and created if it may be, in the background.
   * @throws {ConfigError} for a property that librdkafka refuses
   */
  async start(): Promise<void> {
    this.#publisher.open();
    this.#admin = this.#kafka.admin();
    void this.#ensureTopic();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#topicIsThere.reject(new Error("the event log was stopped"));
    await Promise.all([this.#publisher.close(), this.#admin?.close()]);
  }

  publish(records: readonly OutgoingRecord[], options: PublishOptions = {}): Promise<PublishOutcome[]> {
    return this.#publisher.publish(records, options);
  }

  readonly care: LogCare = {
    lag: () => {
      const known = this.#follower?.lag().filter(({ lag }) => lag >= 0) ?? [];
      return known.length === 0 ? undefined : known.reduce((sum, { lag }) => sum + lag, 0);
    },
    answers: async (timeoutMs) => await this.#opened().connect(timeoutMs),
    hasTopic: async (timeoutMs) => await isThere(this.#opened(), this.topic, timeoutMs),
    createTopic: async (timeoutMs) => {
      const { partitions, replicationFactor } = this.#options;
      return await createIfMissing(this.#opened(), this.topic, partitions, replicationFactor, timeoutMs);
    },
    reconnect: async () => {
      const old = this.#opened();
      this.#admin = this.#kafka.admin();
      await Promise.all([this.#publisher.reopen(), old.close()]);
    },
  };

  #opened(): Admin {
    if (this.#admin === undefined || this.#stop.signal.aborted) throw new Error("the event log is not started");
    return this.#admin;
  }

  async watermarks(): Promise<Watermarks[]> {
    await this.#topicIsThere.promise;
    return (await this.#admin?.fetchTopicOffsets(this.topic, ANSWER_MS)) ?? [];
  }

  async offsetsAt(time: Date): Promise<OffsetVector> {
    await this.#topicIsThere.promise;
    const offsets = await this.#admin?.fetchTopicOffsetsByTimestamp(this.topic, time.getTime(), ANSWER_MS);
    return new Map(offsets?.map(({ partition, offset }) => [partition, offset]));
  }

  async *read(from: OffsetVector, signal: AbortSignal, options: ReadOptions = {}): AsyncGenerator<LogRecord[]> {
    const ends = new Map((await this.watermarks()).map(({ partition, high }) => [partition, high]));
    const isFollower = options.notePosition === true;
    const consumer = this.#kafka.consumer({
      ...(isFollower ? this.#observed : {}),
      "group.id": this.#options.group,
    });
    if (isFollower) this.#follower = consumer;
    const close = () => {
      // What is closed can no longer be asked.
      if (this.#follower === consumer) this.#follower = undefined;
      void consumer.close();
    };
    signal.addEventListener("abort", close);
    this.#stop.signal.addEventListener("abort", close);
    const commits = isFollower
      ? setInterval(() => this.#note(consumer.commitOffsets()), COMMIT_INTERVAL_MS)
      : undefined;
    try {
      if (signal.aborted || this.#stop.signal.aborted) return;
      const places = [...ends.keys()].map((partition) => ({
        topic: this.topic,
        partition,
        offset: from.get(partition) ?? 0,
      }));
      consumer.assign(places);
      yield* followed(consumer.batches(), missing(from, ends));
    } catch (error) {
      if (!(error instanceof KafkaOffsetOutOfRangeError)) throw error;
      throw new OffsetOutOfRangeError(error.message, { cause: error });
    } finally {
      clearInterval(commits);
      signal.removeEventListener("abort", close);
      this.#stop.signal.removeEventListener("abort", close);
      close();
      await consumer.close();
    }
  }

  /** Until the topic is there: look, create, try again. What stands in the way is said once each time it changes. */
  async #ensureTopic(): Promise<void> {
    const { partitions, replicationFactor } = this.#options;
    let said = "";
    while (!this.#stop.signal.aborted) {
      try {
        // Asked for anew each time: `reconnect` replaces it.
        const admin = this.#opened();
        const isNew = await createIfMissing(admin, this.topic, partitions, replicationFactor);
        if (isNew) this.#options.logger.info({ topic: this.topic, partitions }, "topic created");
        return this.#topicIsThere.resolve(await this.#countPartitions(admin, isNew));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== said) this.#options.logger.error({ topic: this.topic, reason }, this.#advice());
        said = reason;
        await Bun.sleep(TOPIC_RETRY_MS);
      }
    }
  }

  /** Brokers tell each other of a new topic: for some milliseconds the one that is asked may not know it. */
  async #countPartitions(admin: Admin, isNew: boolean): Promise<number> {
    for (const until = performance.now() + ANSWER_MS; ; ) {
      try {
        return (await admin.fetchTopicOffsets(this.topic, ANSWER_MS)).length;
      } catch (error) {
        const isUnknown = error instanceof KafkaError && UNKNOWN_TOPIC.has(error.code);
        if (!isNew || !isUnknown || performance.now() > until || this.#stop.signal.aborted) throw error;
        await Bun.sleep(TOPIC_KNOWN_MS);
      }
    }
  }

  #advice(): string {
    const { partitions, replicationFactor } = this.#options;
    const replicas = replicationFactor > 0 ? ` --replication-factor ${replicationFactor}` : "";
    return (
      `the topic is not there and could not be created, will try again; if we may not create it, run: ` +
      `kafka-topics.sh --create --topic ${this.topic} --partitions ${partitions}${replicas} --bootstrap-server …`
    );
  }

  /** The position is for people to look at: one that could not be noted is noted with the next. */
  #note(noted: Promise<void>): void {
    noted.catch((error: unknown) =>
      this.#options.logger.debug({ err: error }, "the stream's position could not be noted"),
    );
  }
}

/** What makes a client report. */
function observed(observer: KafkaObserver): Partial<ClientOptions> {
  return { "statistics.interval.ms": STATISTICS_MS, onStatistics: observer.statistics };
}

/** Partitions in which a reader that begins at `from` has something to read, with the offset that it has to pass. */
function missing(from: OffsetVector, ends: OffsetVector): Map<number, number> {
  return new Map([...ends].filter(([partition, end]) => (from.get(partition) ?? 0) < end));
}

/** Records as they come; one empty batch when nothing is missing any more, or when nothing came for a while. */
async function* followed(
  batches: AsyncGenerator<ConsumedMessage[]>,
  missing: Map<number, number>,
): AsyncGenerator<LogRecord[]> {
  let next = batches.next();
  for (let reachedEnd = false; ; ) {
    if (!reachedEnd && (missing.size === 0 || (await isQuiet(next)))) {
      reachedEnd = true;
      yield [];
    }
    const { done, value } = await next;
    if (done) return;
    // Asked for at once, so that reading goes on while this batch is worked on.
    next = batches.next();
    next.catch(() => {});
    const records = value.map(toRecord);
    for (const { partition, offset } of records)
      if (offset + 1 >= (missing.get(partition) ?? 0)) missing.delete(partition);
    yield records;
  }
}

async function isQuiet(next: Promise<unknown>): Promise<boolean> {
  const quiet = Promise.withResolvers<true>();
  const timer = setTimeout(() => quiet.resolve(true), QUIET_MS);
  try {
    return await Promise.race([next.then(() => false), quiet.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects when no broker answers in time. */
async function isThere(admin: Admin, topic: string, timeout: number): Promise<boolean> {
  try {
    await admin.fetchTopicMetadata({ topics: [topic], timeout });
    return true;
  } catch (error) {
    if (error instanceof KafkaError && UNKNOWN_TOPIC.has(error.code)) return false;
    throw error;
  }
}

/** @returns true when it was created now */
async function createIfMissing(
  admin: Admin,
  topic: string,
  partitions: number,
  replicationFactor: number,
  timeout = ANSWER_MS,
): Promise<boolean> {
  if (await isThere(admin, topic, timeout)) return false;
  const config = { topic, numPartitions: partitions, ...(replicationFactor > 0 ? { replicationFactor } : {}) };
  return await admin.createTopics({ topics: [config], timeout });
}

/** UNKNOWN_TOPIC_OR_PART of the broker, and librdkafka's own UNKNOWN_TOPIC. */
const UNKNOWN_TOPIC = new Set([3, -188]);

const decoder = new TextDecoder();

function toRecord(message: ConsumedMessage): LogRecord {
  const { topic, partition, offset, timestamp } = message;
  const headers = Object.entries(message.headers).map(([name, value]) => {
    // Of a header given more than once the last counts, as in Kafka's own `lastHeader`.
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last ? decoder.decode(last) : ""] as const;
  });
  return {
    topic,
    partition,
    offset,
    timestamp,
    key: message.key && decoder.decode(message.key),
    value: message.value && decoder.decode(message.value),
    headers: Object.fromEntries(headers),
  };
}
