import { dlopen, FFIType } from "bun:ffi";
import type { Ptr } from "./bindings.ts";
import { Handle } from "./handle.ts";
import type { Library } from "./library.ts";

const { ptr: P, i32: I, i16: H, u64_fast: Z, cstring: S, void: V } = FFIType;

/** rdkafka_mock.h; apart from the rest, since only tests load them. */
const SIGNATURES = {
  rd_kafka_mock_cluster_new: { args: [P, I], returns: P },
  rd_kafka_mock_cluster_destroy: { args: [P], returns: V },
  rd_kafka_mock_cluster_bootstraps: { args: [P], returns: S },
  rd_kafka_mock_set_controller_id: { args: [P, I], returns: V },
  rd_kafka_mock_topic_create: { args: [P, S, I, I], returns: I },
  rd_kafka_mock_topic_set_error: { args: [P, S, I], returns: V },
  rd_kafka_mock_push_request_errors_array: { args: [P, H, Z, P], returns: V },
  rd_kafka_mock_broker_set_down: { args: [P, I], returns: I },
  rd_kafka_mock_broker_set_up: { args: [P, I], returns: I },
  rd_kafka_mock_broker_set_rtt: { args: [P, I, I], returns: I },
} as const;

/** Kafka's ApiKeys, those that tests make fail. */
export const ApiKey = { Produce: 0, Fetch: 1, ListOffsets: 2, Metadata: 3, OffsetCommit: 8, FindCoordinator: 10 };

/**
 * librdkafka's mock cluster: brokers in this process that speak the real protocol on loopback, with faults to order.
 * It makes topics by itself when they are first asked for. Its Fetch always waits `fetch.wait.max.ms`: set 10 in tests.
 */
export class MockCluster {
  readonly #K: ReturnType<typeof load>;
  readonly #handle: Handle;
  #cluster: Ptr | null;
  /** For `bootstrap.servers`. */
  readonly brokers: string;

  /** Starts `count` brokers with the ids 1, 2, … */
  constructor(library: Library, count = 1) {
    this.#K = load(library.path);
    this.#handle = new Handle("producer", { library }, {});
    this.#cluster = this.#K.rd_kafka_mock_cluster_new(this.#handle.rk, count);
    this.#K.rd_kafka_mock_set_controller_id(this.#cluster, 1); // the admin API waits for one
    this.brokers = this.#K.rd_kafka_mock_cluster_bootstraps(this.#cluster) ?? "";
  }

  createTopic(topic: string, partitions: number): void {
    this.#handle.check(this.#K.rd_kafka_mock_topic_create(this.#cluster, topic, partitions, 1));
  }

  /** Every request for `topic` is answered with `code` until it is set to 0. */
  failTopic(topic: string, code: number): void {
    this.#K.rd_kafka_mock_topic_set_error(this.#cluster, topic, code);
  }

  /** The next requests of this kind are answered with these codes, one each. */
  failRequests(apiKey: number, codes: number[]): void {
    this.#K.rd_kafka_mock_push_request_errors_array(this.#cluster, apiKey, codes.length, new Int32Array(codes));
  }

  /** Closes the broker's connections and its port. */
  down(broker: number): void {
    this.#handle.check(this.#K.rd_kafka_mock_broker_set_down(this.#cluster, broker));
  }

  up(broker: number): void {
    this.#handle.check(this.#K.rd_kafka_mock_broker_set_up(this.#cluster, broker));
  }

  /** Every answer of the broker is late by this many milliseconds. */
  delay(broker: number, ms: number): void {
    this.#handle.check(this.#K.rd_kafka_mock_broker_set_rtt(this.#cluster, broker, ms));
  }

  /** Stops the brokers. Safe twice. */
  async close(): Promise<void> {
    if (this.#cluster !== null) this.#K.rd_kafka_mock_cluster_destroy(this.#cluster);
    this.#cluster = null;
    await this.#handle.close();
  }
}

function load(path: string) {
  return dlopen(path, SIGNATURES).symbols;
}
