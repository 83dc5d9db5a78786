import { CString, ptr, read } from "bun:ffi";
import { at, int64, Message as Layout, type Ptr } from "./bindings.ts";
import type { Properties } from "./config.ts";
import { Code, KafkaError } from "./errors.ts";
import { type ClientOptions, Handle } from "./handle.ts";
import { type ConsumedMessage, Decoder } from "./message.ts";
import { firstError, type TopicPartitionOffset, type TopicPartitions, withList } from "./partitions.ts";
import { describeCluster, describeTopic, type Watermarks, watermarks } from "./requests.ts";

/**
 * Ours on top of librdkafka's: nothing is committed or skipped behind the caller's back, 8 MB at most are read ahead (not 64),
 * and reading goes on 10 ms after there is room again (with librdkafka's 1 s: 110,000 instead of 1,160,000 messages/s).
 */
export const CONSUMER_DEFAULTS: Properties = {
  "enable.auto.commit": false,
  "enable.auto.offset.store": false,
  "auto.offset.reset": "error",
  "queued.max.messages.kbytes": 8_192,
  "fetch.queue.backoff.ms": 10,
};

/**
 * Errors the reader has to act on: OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PART, TOPIC_ and GROUP_AUTHORIZATION_FAILED,
 * AUTO_OFFSET_RESET, FATAL, UNKNOWN_TOPIC, UNKNOWN_PARTITION. After all others librdkafka fetches again by itself.
 */
const STOPPING = new Set([1, 3, 29, 30, -140, -150, -188, -190]);
const TIMEOUT = 10_000;
/** Longest time in which batches follow each other without giving other work its turn, in milliseconds. */
const SLICE = 8;

/** Reads partitions it was told to read; it joins no group, so there is no rebalance. The group only keeps committed offsets. */
export class Consumer {
  readonly #handle: Handle;
  readonly #queue: Ptr | null;
  readonly #decoder: Decoder;
  readonly #positions = new Map<string, TopicPartitionOffset>();
  readonly #topicNames = new Map<number, string>();
  #errors: KafkaError[] = [];
  #woken = Promise.withResolvers<void>();
  #sliceEnds = 0;

  /** Throws ConfigError for a property that librdkafka refuses. */
  constructor(options: ClientOptions & { "group.id": string }) {
    this.#handle = new Handle("consumer", options, CONSUMER_DEFAULTS, { onWake: () => this.#wakeReaders() });
    // Not merged with the main queue (rd_kafka_poll_set_consumer): events stay there, and reading in batches drops none of them.
    this.#queue = this.#handle.K.rd_kafka_queue_get_consumer(this.#handle.rk);
    this.#handle.watch(this.#queue);
    this.#decoder = new Decoder(this.#handle.K);
  }

  /** Resolves when a broker answers. Rejects with KafkaError, at once for wrong credentials, else after `timeout` ms. Not needed before `assign`. */
  async connect(timeout = TIMEOUT): Promise<void> {
    await describeCluster(this.#handle, timeout);
  }

  /** Reads these partitions from these offsets on, and no others. Throws KafkaError. */
  assign(vector: readonly TopicPartitionOffset[]): void {
    const { K } = this.#handle;
    withList(K, vector, (list) => this.#handle.check(K.rd_kafka_assign(this.#handle.rk, list)));
    if (this.#positions.size > 0) this.#awaitStopped();
    this.#positions.clear();
    this.#topicNames.clear();
    this.#errors = [];
    for (const place of vector) this.#positions.set(`${place.topic}/${place.partition}`, { ...place });
    for (const topic of new Set(vector.map((place) => place.topic))) this.#verify(topic, this.#errors);
  }

  /**
   * Blocks, for some 0.1 ms, until the partitions of the assignment before have stopped. Else another `assign`, or `close`,
   * stops them a second time, and librdkafka 2.15.1 ends the process (rd_kafka_assignment_partition_stopped: Assertion
   * `rktp->rktp_started' failed). Its thread serves one queue in order: behind the first answer the partitions were told to
   * stop, behind the second they have.
   */
  #awaitStopped(): void {
    const { K, rk } = this.#handle;
    for (let ask = 0; ask < 2; ask++) {
      const list = new BigUint64Array(1);
      this.#handle.check(K.rd_kafka_assignment(rk, list));
      K.rd_kafka_topic_partition_list_destroy(at(Number(list[0])));
    }
  }

  /** A topic that is not there: librdkafka only logs it, and after 30 s (rd_kafka_toppar_enq_error, when read in batches). */
  #verify(topic: string, errors: KafkaError[]): void {
    describeTopic(this.#handle, topic, TIMEOUT).catch((error: unknown) => {
      if (!(error instanceof KafkaError && STOPPING.has(error.code))) return;
      errors.push(error);
      this.#wakeReaders();
    });
  }

  /** Assigns every partition of `topic`, from its last `count` messages on. Returns where that is. */
  async assignTail(topic: string, count: number, timeout = TIMEOUT): Promise<TopicPartitionOffset[]> {
    const marks = await this.watermarks(topic, timeout);
    const vector = marks.map(({ partition, low, high }) => ({ topic, partition, offset: Math.max(low, high - count) }));
    this.assign(vector);
    return vector;
  }

  /**
   * Messages as they come, in order within each partition, `maxSize` at most at a time. Ends when the consumer is closed.
   * Throws OffsetOutOfRangeError or another KafkaError once what came before it was given out; iterate again to go on
   * (after `assign` or `seek`, when it was the offset).
   */
  async *batches({ maxSize = 1_000 } = {}): AsyncGenerator<ConsumedMessage[], void, void> {
    const pointers = new BigUint64Array(maxSize);
    while (!this.#handle.closed) {
      await this.#turn();
      if (this.#handle.closed) return;
      const woken = this.#woken.promise; // taken before reading: a wake-up from now on is not missed
      const batch = this.#read(pointers);
      const error = batch.length === 0 ? this.#errors.shift() : undefined;
      if (error) throw error;
      if (batch.length > 0) yield batch;
      else await woken;
    }
  }

  /** Goes on at `offset` in an assigned partition; what was read ahead is dropped. Throws KafkaError when it is not assigned. */
  seek(place: TopicPartitionOffset): void {
    const { K } = this.#handle;
    const key = `${place.topic}/${place.partition}`;
    if (!this.#positions.has(key)) throw this.#handle.error(Code.UNKNOWN_PARTITION, null, place);
    withList(K, [place], (list) => {
      const failed = this.#handle.taken(K.rd_kafka_seek_partitions(this.#handle.rk, list, 0));
      if (failed) throw failed;
      this.#checkEach(list, [place]);
    });
    this.#positions.set(key, { ...place });
  }

  /** Stops reading these partitions; without an argument, all. What was read ahead is dropped and read again later. */
  pause(partitions?: readonly TopicPartitions[]): void {
    this.#eachOf(partitions, (list) => this.#handle.K.rd_kafka_pause_partitions(this.#handle.rk, list));
  }

  /** Undoes `pause`, from the position on. */
  resume(partitions?: readonly TopicPartitions[]): void {
    this.#eachOf(partitions, (list) => this.#handle.K.rd_kafka_resume_partitions(this.#handle.rk, list));
  }

  /** The next offset of every assigned partition: what to `assign` to go on from here. */
  position(): TopicPartitionOffset[] {
    return [...this.#positions.values()].map((place) => ({ ...place }));
  }

  /** First and next offset of each partition, asked from the brokers now. */
  watermarks(topic: string, timeout = TIMEOUT): Promise<Watermarks[]> {
    return watermarks(this.#handle, topic, timeout);
  }

  /** Messages between the position and the end of each assigned partition, as of the last fetch; asks nobody. -1 before the first. */
  lag(): (TopicPartitionOffset & { lag: number })[] {
    const [low, high] = [new BigInt64Array(1), new BigInt64Array(1)];
    return this.position().map((place) => {
      const { K, rk } = this.#handle;
      const code = K.rd_kafka_get_watermark_offsets(rk, place.topic, place.partition, low, high);
      const end = Number(high[0]);
      return { ...place, lag: code !== 0 || end < 0 ? -1 : Math.max(0, end - place.offset) };
    });
  }

  /** Notes these offsets, or the positions, under the group, where Kafka's own tools see them. */
  commitOffsets(vector: readonly TopicPartitionOffset[] = this.position()): Promise<void> {
    if (vector.length === 0) return Promise.resolve();
    const { K } = this.#handle;
    const submit = (opaque: number) =>
      withList(K, vector, (list) =>
        this.#handle.check(K.rd_kafka_commit_queue(this.#handle.rk, list, this.#handle.main, null, opaque)),
      );
    return this.#handle.request(submit, () => undefined);
  }

  /** Ends the iteration and frees everything. Safe twice. */
  close(): Promise<void> {
    const closed = this.#handle.close();
    this.#wakeReaders();
    return closed;
  }

  #wakeReaders(): void {
    this.#woken.resolve();
    this.#woken = Promise.withResolvers<void>();
  }

  /** KafkaJS's name for `close`. */
  disconnect(): Promise<void> {
    return this.close();
  }

  /** A full queue never makes us wait, and `for await` alone would starve timers and sockets. */
  async #turn(): Promise<void> {
    const now = performance.now();
    if (now < this.#sliceEnds) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#sliceEnds = performance.now() + SLICE;
  }

  #read(pointers: BigUint64Array): ConsumedMessage[] {
    const { K } = this.#handle;
    const count = Number(K.rd_kafka_consume_batch_queue(this.#queue, 0, pointers, pointers.length));
    const base = ptr(pointers);
    const batch: ConsumedMessage[] = [];
    for (let i = 0; i < count; i++) {
      const address = read.ptr(base, i * 8);
      try {
        this.#take(address, batch);
      } finally {
        K.rd_kafka_message_destroy(at(address));
      }
    }
    return batch;
  }

  #take(address: number, batch: ConsumedMessage[]): void {
    const topic = this.#topicName(read.ptr(address, Layout.rkt));
    const code = read.i32(address, Layout.err);
    if (code !== 0) {
      const text = new CString(at(read.ptr(address, Layout.payload)), 0, read.u32(address, Layout.len));
      const where = { topic, partition: read.i32(address, Layout.partition), offset: int64(address, Layout.offset) };
      const error = this.#handle.error(code, text, where);
      if (STOPPING.has(code)) this.#errors.push(error);
      else this.#handle.report(error);
      return;
    }
    const message = this.#decoder.decode(address, topic);
    const position = this.#positions.get(`${topic}/${message.partition}`);
    if (position) position.offset = message.offset + 1;
    batch.push(message);
  }

  #topicName(rkt: number): string {
    if (rkt === 0) return "";
    const known = this.#topicNames.get(rkt);
    if (known !== undefined) return known;
    const name = this.#handle.K.rd_kafka_topic_name(at(rkt)) ?? "";
    this.#topicNames.set(rkt, name);
    return name;
  }

  #eachOf(partitions: readonly TopicPartitions[] | undefined, call: (list: Ptr | null) => number): void {
    const vector = partitions
      ? partitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition, offset: 0 })))
      : this.position();
    withList(this.#handle.K, vector, (list) => {
      this.#handle.check(call(list));
      this.#checkEach(list, vector);
    });
  }

  #checkEach(list: Ptr | null, vector: readonly TopicPartitionOffset[]): void {
    const found = firstError(list, vector);
    if (found) throw this.#handle.error(found[0], null, found[1]);
  }
}
