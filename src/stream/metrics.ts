import { Counter, Histogram, type Registry } from "prom-client";
import { counterOf, gaugeOf } from "../metrics/read.ts";
import type { Frame } from "./frame.ts";

/** Why a stream was ended by us: too slow, too old, its permission or this process at an end, events lost, or a fault. */
export type Eviction = "slow" | "age" | "permission" | "stopping" | "log_lost" | "error";
const EVICTIONS: readonly Eviction[] = ["slow", "age", "permission", "stopping", "log_lost", "error"];

/** What a client that came back was brought up to date from. */
export type Resumption = "ring" | "log" | "reset";
const RESUMPTIONS: readonly Resumption[] = ["ring", "log", "reset"];

/** Seconds, from the bar of 10 ms to where something is broken. */
const DELAYS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

/** The stream's series. Made once, by the composition root. What happens for every event or client is a number of our own. */
export class StreamMetrics {
  readonly #registry: Registry;
  readonly #evictions: Counter<"reason">;
  readonly #resumes: Counter<"from">;
  readonly #delay: Histogram;
  #deliveries = 0;
  #refused = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
    counterOf(
      {
        registry,
        name: "stream_deliveries_total",
        help: "Events handed to clients: one event for two clients is two.",
      },
      () => this.#deliveries,
    );
    counterOf(
      { registry, name: "stream_refused_total", help: "Streams refused because as many are open as may be." },
      () => this.#refused,
    );
    this.#evictions = new Counter({
      name: "stream_evictions_total",
      help: `Streams that this server ended: ${EVICTIONS.join(", ")}.`,
      labelNames: ["reason"],
      registers,
    });
    this.#resumes = new Counter({
      name: "stream_resumes_total",
      help: "Clients that came back with a Last-Event-ID, by what they were brought up to date from: ring, log, or reset when neither holds it.",
      labelNames: ["from"],
      registers,
    });
    // A series that is not there before its first event cannot show an increase.
    for (const reason of EVICTIONS) this.#evictions.inc({ reason }, 0);
    for (const from of RESUMPTIONS) this.#resumes.inc({ from }, 0);
    this.#delay = new Histogram({
      name: "stream_commit_to_client_seconds",
      help: "From an event's time to its hand-over to the streams that follow live, by the clocks of who wrote it and of this server.",
      buckets: DELAYS,
      registers,
    });
  }

  /** The gauge that is read from the hub when somebody asks. */
  watch(hub: { readonly clientCount: number }): void {
    const help = "Streams that are open.";
    gaugeOf({ registry: this.#registry, name: "stream_clients", help }, () => hub.clientCount);
  }

  /**
   * Counts a fan-out, once for all of its clients.
   * @param deliveries events times clients; when nobody was sent anything there is no delay to tell
   * @param now milliseconds since 1970
   */
  fannedOut(frames: readonly Frame[], deliveries: number, now: number): void {
    if (deliveries === 0) return;
    this.#deliveries += deliveries;
    for (const { occurredAt } of frames) {
      if (!Number.isNaN(occurredAt)) this.#delay.observe(Math.max(0, now - occurredAt) / 1_000);
    }
  }

  /** Counts events sent to one client beside the fan-out: those of the past. */
  sent(events: number): void {
    this.#deliveries += events;
  }

  evicted(reason: Eviction): void {
    this.#evictions.inc({ reason });
  }

  resumed(from: Resumption): void {
    this.#resumes.inc({ from });
  }

  refused(): void {
    this.#refused++;
  }
}
