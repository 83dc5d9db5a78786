import { within } from "../deadline.ts";
import { type ClientOptions, type Delivered, type Kafka, KafkaError, type Producer } from "../kafka/index.ts";
import type { Logger } from "../metrics/logger.ts";
import {
  NotPublishedError,
  type OutgoingRecord,
  type PublishOptions,
  type PublishOutcome,
  RecordRefusedError,
} from "./log.ts";
import { partitionOf } from "./partitioner.ts";

export interface KafkaPublisherOptions {
  readonly topic: string;
  /** False only where a person has switched it off: then a broker's failure may reorder a key. */
  readonly isIdempotent: boolean;
  /** How many the topic has, once it is there; rejects when the log is stopped before. */
  readonly partitions: Promise<number>;
  readonly logger: Logger;
  /** Options of the producer that is observed. */
  readonly observed?: Partial<ClientOptions>;
}

/** Milliseconds that the brokers get for one call; what they have not acknowledged then counts as not published. */
const PUBLISH_MS = 30_000;
/** Milliseconds for which the brokers are trusted to know the producer in a partition; they forget it after a day by default. */
const KNOWN_MS = 600_000;
/** Milliseconds that close waits for records under way. */
const FLUSH_MS = 3_000;
/** Characters of a value from which on a batch goes record by record: brokers allow about a million bytes by default. */
const LARGE = 250_000;
/** Bytes of a request; librdkafka's own default, and the least that we come down to when a topic allows less. */
const BATCH_BYTES = 1_000_000;
const MIN_BATCH_BYTES = 16_384;

/**
 * Publishes batches so that of each key a prefix is in the topic, whatever fails.
 *
 * The usual way is a producer that stops at the first record the broker refuses (`enable.gapless.guarantee`): without it
 * librdkafka drops that request and sends what stands behind it. A message never times out inside librdkafka either, for
 * it would go on with the next one then; when the brokers do not answer the whole producer is closed instead.
 * That holds only where the brokers know the producer: in a partition to which it has not written yet they take whatever
 * comes first, and so what stands behind a refused request. The first record of each such partition therefore goes alone.
 * A refusal fails the whole request, up to a thousand records, so who is to blame is found by sending each on its own.
 */
export class KafkaPublisher {
  readonly #kafka: Kafka;
  readonly #options: KafkaPublisherOptions;
  /** Opened when first needed, dropped when broken. */
  #together: Producer | undefined;
  #apart: Producer | undefined;
  #batchBytes = BATCH_BYTES;
  /** When each partition last took a record of `#together`, by the monotonic clock. */
  readonly #known = new Map<number, number>();
  #isClosed = false;

  constructor(kafka: Kafka, options: KafkaPublisherOptions) {
    this.#kafka = kafka;
    this.#options = options;
  }

  /**
   * Connects in the background.
   * @throws {ConfigError} for a property that librdkafka refuses
   */
  open(): void {
    this.#together ??= this.#openTogether();
  }

  /** Closes what is open, without waiting for it: what was not acknowledged has failed. The next call opens anew. */
  async reopen(): Promise<void> {
    const producers = [this.#together, this.#apart];
    this.#together = this.#apart = undefined;
    if (!this.#isClosed) this.open();
    await Promise.all(producers.map((producer) => producer?.close(0)));
  }

  /** Waits a moment for what is under way, then frees everything. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const producers = [this.#together, this.#apart];
    this.#together = this.#apart = undefined;
    await Promise.all(producers.map((producer) => producer?.close(FLUSH_MS)));
  }

  /** As EventLog.publish. */
  async publish(records: readonly OutgoingRecord[], { apart = false }: PublishOptions): Promise<PublishOutcome[]> {
    const partitions = await this.#options.partitions.catch(() => undefined);
    if (partitions === undefined) return notPublished(records, "the event log was stopped");
    if (apart || records.some((record) => (record.value?.length ?? 0) > LARGE))
      return await this.#publishApart(records);
    return await this.#publishTogether(records, partitions);
  }

  async #publishTogether(records: readonly OutgoingRecord[], partitions: number): Promise<PublishOutcome[]> {
    if (this.#isClosed) return notPublished(records, "the event log was stopped");
    const first = this.#firstOfUnknown(records, partitions);
    if (first.size === 0 || first.size === records.length) return await this.#sendTogether(records);
    const ahead = await this.#sendTogether(records.filter((_, i) => first.has(i)));
    const rest = records.filter((_, i) => !first.has(i));
    const isClear = ahead.every((outcome) => !(outcome instanceof Error));
    const behind = isClear
      ? await this.#publishTogether(rest, partitions)
      : await this.#publishBehind(rest, records, first, ahead);
    return records.map((_, i) => (first.has(i) ? ahead : behind).shift() ?? new NotPublishedError(NO_ANSWER));
  }

  /** What is left when one of the first failed: nothing of its key, the others by the way that needs no order. */
  async #publishBehind(
    rest: readonly OutgoingRecord[],
    records: readonly OutgoingRecord[],
    first: ReadonlySet<number>,
    ahead: readonly PublishOutcome[],
  ): Promise<PublishOutcome[]> {
    const stopped = new Set([...first].filter((_, n) => ahead[n] instanceof Error).map((i) => records[i]?.key));
    const open = rest.filter(({ key }) => !stopped.has(key));
    const outcomes = await this.#publishApart(open);
    const before = "an earlier record of its key was not published";
    return rest.map(({ key }) => (stopped.has(key) ? undefined : outcomes.shift()) ?? new NotPublishedError(before));
  }

  /** Indices of the first record of each partition in which the brokers do not know the producer. */
  #firstOfUnknown(records: readonly OutgoingRecord[], count: number): Set<number> {
    const now = performance.now();
    const isKnown = (partition: number) => now - (this.#known.get(partition) ?? Number.NEGATIVE_INFINITY) < KNOWN_MS;
    if (Array.from({ length: count }, (_, partition) => partition).every(isKnown)) return new Set();
    const first = new Map<number, number>();
    for (const [i, { key }] of records.entries()) {
      const partition = partitionOf(key, count);
      if (!first.has(partition) && !isKnown(partition)) first.set(partition, i);
    }
    return new Set([...first.values()].toSorted((a, b) => a - b));
  }

  async #sendTogether(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    const producer = this.#together ?? this.#openTogether();
    this.#together = producer;
    const results = await this.#send(producer, records);
    this.#know(results);
    // Unless `reopen` has replaced it meanwhile.
    if (isBroken(results) && this.#together === producer) {
      await producer.close(0);
      // At once, since the first request of a new one takes half a second.
      this.#together = this.#isClosed ? undefined : this.#openTogether();
    }
    if (results === undefined) return notPublished(records, NO_ANSWER);
    const failed = [...results.keys()].filter((i) => results[i] instanceof KafkaError);
    if (!failed.some((i) => isSuspicious(results[i]))) return results.map(outcome);
    const again = failed.flatMap((i) => records[i] ?? []);
    const outcomes = await this.#publishApart(again);
    this.#learn(outcomes);
    const later = new Map(failed.map((index, at) => [index, outcomes[at]]));
    return results.map((result, i) => later.get(i) ?? outcome(result));
  }

  /** Wave by wave, in each the next record of every key: what is refused stops its key alone. */
  async #publishApart(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    const outcomes: PublishOutcome[] = notPublished(records, "an earlier record of its key was not published");
    const queues = [...Map.groupBy(records.keys(), (i) => records[i]?.key).values()];
    for (let at = 0, open = queues; open.length > 0; at++) {
      const wave = open.flatMap((queue) => queue[at] ?? []);
      const results = await this.#sendApart(wave.flatMap((i) => records[i] ?? []));
      for (const [n, i] of wave.entries()) outcomes[i] = results[n] ?? new NotPublishedError(NO_ANSWER);
      open = open.filter((queue) => {
        const last = outcomes[queue[at] ?? -1];
        return queue.length > at + 1 && last !== undefined && !(last instanceof Error);
      });
    }
    return outcomes;
  }

  async #sendApart(records: readonly OutgoingRecord[]): Promise<PublishOutcome[]> {
    if (this.#isClosed) return notPublished(records, "the event log was stopped");
    const producer = this.#apart ?? this.#kafka.producer({ ...FOREVER, "batch.num.messages": 1 });
    this.#apart = producer;
    const results = await this.#send(producer, records);
    if (isBroken(results) && this.#apart === producer) {
      this.#apart = undefined;
      await producer.close(0);
    }
    return results?.map(outcome) ?? notPublished(records, NO_ANSWER);
  }

  #know(results: readonly (Delivered | KafkaError)[] | undefined): void {
    const now = performance.now();
    for (const result of results ?? []) {
      if (!(result instanceof KafkaError)) this.#known.set(result.partition, now);
    }
  }

  /** Undefined when the brokers did not answer in time, or the log was closed meanwhile. */
  async #send(producer: Producer, records: readonly OutgoingRecord[]) {
    const sent = producer.sendBatch(this.#options.topic, records).catch(() => undefined);
    const results = await within(PUBLISH_MS, sent);
    if (results !== "late") return results;
    this.#options.logger.warn({ ms: PUBLISH_MS, records: records.length }, NO_ANSWER);
    return undefined;
  }

  /** A request that was refused though each of its records is welcome was too large as a whole: the topic allows less. */
  #learn(outcomes: readonly PublishOutcome[]): void {
    if (outcomes.some((outcome) => outcome instanceof Error) || this.#batchBytes <= MIN_BATCH_BYTES) return;
    this.#batchBytes = Math.max(MIN_BATCH_BYTES, Math.floor(this.#batchBytes / 4));
    this.#options.logger.warn({ bytes: this.#batchBytes }, "the topic refuses large requests: they are made smaller");
  }

  #openTogether(): Producer {
    this.#known.clear();
    const guarantee = this.#options.isIdempotent ? { "enable.gapless.guarantee": true } : {};
    const { observed } = this.#options;
    return this.#kafka.producer({ ...observed, ...FOREVER, ...guarantee, "batch.size": this.#batchBytes });
  }
}

/** librdkafka gives up no message by itself: see the class. */
const FOREVER = { "message.timeout.ms": 0 } as const;
const NO_ANSWER = "the brokers did not acknowledge in time";

function notPublished(records: readonly OutgoingRecord[], why: string): PublishOutcome[] {
  const error = new NotPublishedError(why);
  return records.map(() => error);
}

/** True when the producer can do nothing more, or does not come back. */
function isBroken(results: readonly (Delivered | KafkaError)[] | undefined): boolean {
  return results === undefined || results.some((result) => result instanceof KafkaError && result.fatal);
}

/** True when a record may be to blame, or one in the same request. */
function isSuspicious(result: Delivered | KafkaError | undefined): boolean {
  return result instanceof KafkaError && (result.fatal || !result.retriable);
}

function outcome(result: Delivered | KafkaError): PublishOutcome {
  if (!(result instanceof KafkaError)) return result;
  const Kind = result.retriable ? NotPublishedError : RecordRefusedError;
  return new Kind(result.message, { cause: result });
}
