import type { Registry } from "prom-client";
import type { Statistics } from "../kafka/index.ts";
import { counterOf, gaugeOf } from "../metrics/read.ts";
import type { LogCare } from "./log.ts";

/** Milliseconds between two of a client's reports. */
export const STATISTICS_MS = 5_000;
/** Milliseconds after which a client's last report says nothing any more: the client is gone. */
const STALE_MS = 3 * STATISTICS_MS;
const MICROSECONDS = 1e6;

/** What a log in Kafka tells about itself. */
export interface KafkaObserver {
  /** A client's statistics, every `STATISTICS_MS`. */
  statistics(statistics: Statistics): void;
  /** An error of a client that librdkafka deals with by itself. */
  failed(): void;
}

/** The series of a log in Kafka, from librdkafka's statistics. Made once, by the composition root, where there is a Kafka. */
export class KafkaMetrics implements KafkaObserver {
  readonly #registry: Registry;
  readonly #now: () => number;
  /** The newest report of each client, by its name, which is never used twice. */
  readonly #reports = new Map<string, { readonly at: number; readonly statistics: Statistics }>();
  #errors = 0;

  /** @param now milliseconds on a clock that only goes forward */
  constructor(registry: Registry, now: () => number = () => performance.now()) {
    this.#registry = registry;
    this.#now = now;
    const gauge = (name: string, help: string, read: () => number | undefined) =>
      gaugeOf({ registry, name, help }, read);
    counterOf(
      {
        registry,
        name: "kafka_errors_total",
        help: "Connection, authentication and fatal errors of the Kafka clients.",
      },
      () => this.#errors,
    );
    gauge(
      "kafka_producer_queue_messages",
      "Messages that the producer holds, unsent or not acknowledged, as of the last 5 s.",
      () => sum(this.#fresh("producer").map(({ msg_cnt }) => msg_cnt)),
    );
    gauge(
      "kafka_brokers_up",
      "Brokers that the producer or the stream's reader is connected to, as of the last 5 s; clients connect to those that they need.",
      () => this.#brokersUp(),
    );
    gauge(
      "kafka_broker_round_trip_seconds",
      "Worst of the brokers' 99th percentiles of the time that the producer's requests took, over 5 s; missing while it sends none.",
      () => this.#roundTrip(),
    );
  }

  readonly statistics = (statistics: Statistics): void => {
    this.#reports.set(statistics.name, { at: this.#now(), statistics });
  };

  readonly failed = (): void => {
    this.#errors++;
  };

  /** The gauge that is read from the log when somebody asks. */
  watch(care: Pick<LogCare, "lag">): void {
    gaugeOf(
      {
        registry: this.#registry,
        name: "kafka_consumer_lag_messages",
        help: "Messages that the stream's reader has still to read, over all partitions, as of its last fetch.",
      },
      () => care.lag(),
    );
  }

  #fresh(type?: Statistics["type"]): Statistics[] {
    for (const [name, { at }] of this.#reports) if (this.#now() - at > STALE_MS) this.#reports.delete(name);
    const all = [...this.#reports.values()].map(({ statistics }) => statistics);
    return type === undefined ? all : all.filter((statistics) => statistics.type === type);
  }

  #brokersUp(): number | undefined {
    const reports = this.#fresh();
    if (reports.length === 0) return undefined;
    const up = reports.flatMap(({ brokers }) =>
      // Those without an id are addresses to start from, and the coordinator's second connection.
      Object.values(brokers).filter(({ nodeid, state }) => nodeid >= 0 && state === "UP"),
    );
    return new Set(up.map(({ nodeid }) => nodeid)).size;
  }

  #roundTrip(): number | undefined {
    // Not the reader's: a fetch waits at the broker until there is something.
    const all = this.#fresh("producer").flatMap(({ brokers }) => Object.values(brokers));
    const asked = all.filter(({ rtt }) => rtt.cnt > 0);
    return asked.length === 0 ? undefined : Math.max(...asked.map(({ rtt }) => rtt.p99)) / MICROSECONDS;
  }
}

function sum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
}
