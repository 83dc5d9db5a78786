import { Registry } from "prom-client";
import { version } from "../package.json";
import { HttpMetrics } from "./http/metrics.ts";
import { IdempotencyMetrics } from "./idempotency/metrics.ts";
import { KafkaMetrics } from "./log/metrics.ts";
import { LoopLag, showBuild, watchProcess } from "./metrics/process.ts";
import { OutboxMetrics } from "./outbox/index.ts";
import { StreamMetrics } from "./stream/metrics.ts";

/** What the parts count in; a part whose own is missing counts nothing. */
export interface Series {
  readonly registry: Registry;
  readonly http?: HttpMetrics;
  readonly idempotency?: IdempotencyMetrics;
  readonly outbox?: OutboxMetrics;
  readonly stream?: StreamMetrics;
  readonly kafka?: KafkaMetrics | undefined;
  readonly loopLag?: LoopLag;
}

/**
 * Every series of the process, but those that a part makes for itself because it needs nothing else (autoheal, the database's pool):
 * made once, before the parts that count in them. docs/metrics.md lists them.
 */
export class AllSeries implements Series {
  readonly registry = new Registry();
  readonly http = new HttpMetrics(this.registry);
  readonly idempotency = new IdempotencyMetrics(this.registry);
  readonly outbox = new OutboxMetrics(this.registry);
  readonly stream = new StreamMetrics(this.registry);
  readonly kafka: KafkaMetrics | undefined;
  readonly loopLag = new LoopLag(this.registry);

  /**
   * @param hasKafka without it there are none of Kafka
   * @param commit abbreviated id of the commit that a binary was built from
   */
  constructor(hasKafka: boolean, commit = "unknown") {
    this.kafka = hasKafka ? new KafkaMetrics(this.registry) : undefined;
    watchProcess(this.registry);
    showBuild(this.registry, { version, commit, bun: Bun.version });
  }
}
