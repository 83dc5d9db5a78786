import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { within } from "../deadline.ts";
import { gaugeOf } from "../metrics/read.ts";
import type { Settlement } from "./settle.ts";
import type { OutboxReport, OutboxStatus } from "./status.ts";
import { MAX_TRIES } from "./store.ts";

/** Seconds, from the bar of 3 ms to what no one should ever see. */
const DELAY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 5, 30, 300];
const BATCH_BUCKETS = [1, 2, 10, 50, 100, 500, 1_000, 5_000];

/** The outbox's series. Made once, by the composition root. */
export class OutboxMetrics {
  readonly #registry: Registry;
  readonly #publish: Counter<"result">;
  readonly #dead: Counter;
  readonly #delay: Histogram;
  readonly #batch: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
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
  watch(status: Pick<OutboxStatus, "report" | "relayState">): void {
    const registry = this.#registry;
    const recent = new RecentReport(status);
    const gauge = (name: string, help: string, read: (report: OutboxReport) => number) =>
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          const report = await recent.read();
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
    gauge(
      "outbox_oldest_pending_age_seconds",
      "Age of the oldest event that the relay could publish: those that are held do not count.",
      (r) => r.oldestPendingAgeSeconds,
    );
    gauge(
      "outbox_held_events",
      "Events of the backlog that wait for another try or a decision, and those behind them.",
      (r) => r.held,
    );
    gauge("outbox_dead_letters", "Dead letters that wait for a decision.", (r) => r.deadLetters);
    gauge("outbox_blocked_aggregates", "Aggregates that wait behind a refused event.", (r) => r.blockedAggregates);
    gaugeOf({ registry, name: "outbox_relay_leader", help: "1 on the server whose relay leads." }, () =>
      Number(status.relayState === "leading"),
    );
  }
}

/** Milliseconds that a scrape waits for the count, and the first one, which has none to show instead. */
const PATIENCE_MS = 5;
const FIRST_PATIENCE_MS = 2_000;
/** Milliseconds for which the last count is shown when the next one is late. */
const SHOWN_MS = 60_000;

/**
 * The newest report that can be had without waiting: a scrape takes neither the 60 ms in which a million events are counted,
 * nor as long as a database that hangs. A count that is late is shown by the next scrape.
 */
class RecentReport {
  readonly #status: Pick<OutboxStatus, "report">;
  #last: { readonly at: number; readonly report: OutboxReport } | undefined;
  #patienceMs = FIRST_PATIENCE_MS;

  constructor(status: Pick<OutboxStatus, "report">) {
    this.#status = status;
  }

  /** Undefined while the database is away, or has not answered for a minute. */
  async read(): Promise<OutboxReport | undefined> {
    const counted = this.#status.report().then(
      (report) => {
        this.#last = { at: performance.now(), report };
        return report;
      },
      () => {
        this.#last = undefined;
        return undefined;
      },
    );
    const report = await within(this.#patienceMs, counted);
    this.#patienceMs = PATIENCE_MS;
    if (report !== "late") return report;
    return this.#last !== undefined && performance.now() - this.#last.at < SHOWN_MS ? this.#last.report : undefined;
  }
}
