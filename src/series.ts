import { Registry } from "prom-client";
import { HttpMetrics } from "./http/metrics.ts";
import { IdempotencyMetrics } from "./idempotency/metrics.ts";
import { KafkaMetrics } from "./log/metrics.ts";
import { type BuildInfo, LoopLag, showBuild, watchProcess } from "./metrics/process.ts";
import { OutboxMetrics } from "./outbox/index.ts";
import { StreamMetrics } from "./stream/metrics.ts";

/**
 * Every series of the process, but those that a part makes for itself because it needs nothing else (autoheal, the database's pool):
 * made once, before the parts that count in them. docs/metrics.md lists them.
 */
export class Series {
  readonly registry = new Registry();
  readonly http = new HttpMetrics(this.registry);
  readonly idempotency = new IdempotencyMetrics(this.registry);
  readonly outbox = new OutboxMetrics(this.registry);
  readonly stream = new StreamMetrics(this.registry);
  /** Undefined without Kafka: what is not there has no series. */
  readonly kafka: KafkaMetrics | undefined;
  readonly loopLag = new LoopLag(this.registry);

  constructor(build: BuildInfo, hasKafka: boolean) {
    this.kafka = hasKafka ? new KafkaMetrics(this.registry) : undefined;
    watchProcess(this.registry);
    showBuild(this.registry, build);
  }
}
