import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Settlement } from "./settle.ts";
import type { OutboxReport, OutboxStatus } from "./status.ts";
import { MAX_TRIES } from "./store.ts";

/** Seconds, from the bar of 3 ms to what no one should ever see. */
const DELAY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const BATCH_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/** The outbox's series. Made once, by the composition root. */
export class OutboxMetrics {
  readonly #publish: Counter<"result">;
  readonly #dead: Counter;
  readonly #delay: Histogram;
  readonly #batch: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#publish = new Counter({
      name: "outbox_publish_total",
      help: "Events that the relay tried to publish: ok, refused (the event's own fault) or unavailable (the log was away).",
      labelNames: ["result"],
      registers,
    });
    // A series that is not there before its first event cannot show an increase.
    for (const result of ["ok", "refused", "unavailable"]) this.#publish.inc({ result }, 0);
    this.#dead = new Counter({
      name: "outbox_dead_letter_total",
      help: "Events that this server's relay gave up after five refused tries.",
      registers,
    });
    this.#delay = new Histogram({
      name: "outbox_commit_to_publish_seconds",
      help: "From an event's time to its acknowledgement by the log.",
      buckets: DELAY_BUCKETS,
      registers,
    });
    this.#batch = new Histogram({
      name: "outbox_batch_events",
      help: "Events that the relay published together.",
      buckets: BATCH_BUCKETS,
      registers,
    });
  }

  /** Counts a batch. */
  readonly settled = (settlement: Settlement): void => {
    const { published, refused, left } = settlement;
    this.#publish.inc({ result: "ok" }, published.length);
    this.#publish.inc({ result: "refused" }, refused.length);
    this.#publish.inc({ result: "unavailable" }, left.length);
    this.#dead.inc(refused.filter(({ row }) => row.retry_count + 1 >= MAX_TRIES).length);
    if (published.length > 0) this.#batch.observe(published.length);
    const now = Date.now();
    for (const { row } of published) this.#delay.observe(Math.max(0, now - row.occurred_at.getTime()) / 1_000);
  };

  /** Gauges that are read from the database when somebody asks for them; without a value while it is away. */
  watch(registry: Registry, status: OutboxStatus): void {
    const gauge = (name: string, help: string, read: (report: OutboxReport) => number) =>
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          const report = await status.report().catch(() => undefined);
          if (report === undefined) this.remove();
          else this.set(read(report));
        },
      });
    gauge("outbox_backlog", "Events that are not published and not discarded.", (r) => r.backlog);
    gauge(
      "outbox_oldest_unpublished_age_seconds",
      "Age of the oldest event that is not published and not discarded.",
      (r) => r.oldestUnpublishedAgeSeconds,
    );
    gauge("outbox_dead_letters", "Dead letters that wait for a decision.", (r) => r.deadLetters);
    gauge("outbox_blocked_aggregates", "Aggregates that wait behind a refused event.", (r) => r.blockedAggregates);
    gauge("outbox_relay_leader", "1 on the server whose relay leads.", (r) => Number(r.relay.state === "leading"));
  }
}
