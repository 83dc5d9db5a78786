import { lines, type Panel } from "./panel.ts";
import { JOB, perSecond, quantile, quantiles } from "./promql.ts";

/** Rate, errors and time of requests. */
export const api: readonly Panel[] = [
  lines({
    title: "Requests by route",
    description: "Requests a second for each route template; what no route takes is 'unrouted'.",
    unit: "reqps",
    min: 0,
    steps: ["green"],
    stacked: true,
    queries: [{ expr: `${perSecond("http_requests_total", "method, route")} > 0`, legend: "{{method}} {{route}}" }],
  }),
  lines({
    title: "Answers by class",
    description: "4xx: the caller's fault. 5xx: ours, of which the service level allows one in a thousand.",
    unit: "reqps",
    min: 0,
    steps: ["green"],
    queries: [{ expr: perSecond("http_requests_total", "status"), legend: "{{status}}" }],
  }),
  lines({
    title: "Duration of API requests",
    description: "From a request's headers to its answer. 250 ms are promised for 99.9 %.",
    unit: "s",
    min: 0,
    steps: ["green", [0.25, "red"]],
    limits: true,
    queries: quantiles("http_request_duration_seconds", ',route=~"/api/.*"'),
  }),
  lines({
    title: "Slowest routes, p95",
    description: "The five routes whose p95 is highest; the three entities share a template.",
    unit: "s",
    min: 0,
    steps: ["green", [0.25, "red"]],
    limits: true,
    queries: [
      {
        expr: `topk(5, histogram_quantile(0.95, sum by (le, method, route) (rate(http_request_duration_seconds_bucket{${JOB}}[$__rate_interval]))) >= 0)`,
        legend: "{{method}} {{route}}",
      },
    ],
  }),
  lines({
    title: "Idempotency keys",
    description:
      "Requests with a key: first, replayed (a retry that was answered from the store), in_progress and mismatch (409, 422).",
    unit: "reqps",
    min: 0,
    steps: ["green"],
    queries: [{ expr: perSecond("idempotency_requests_total", "result"), legend: "{{result}}" }],
  }),
  lines({
    title: "Database pool",
    description:
      "Connections for requests that are busy or idle, and statements that wait for one: more than a few for long is a pool that is too small or a database that is slow.",
    unit: "none",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: `sum by (state) (db_pool_connections{${JOB}})`, legend: "{{state}}" },
      { expr: `sum(db_pool_waiting{${JOB}})`, legend: "waiting" },
    ],
  }),
];

/** From commit to acknowledgement by the log. */
export const outbox: readonly Panel[] = [
  lines({
    title: "Backlog",
    description: "Events that wait to be published, of these the ones held behind a refused event, and dead letters.",
    unit: "short",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: `max(outbox_backlog{${JOB}})`, legend: "waiting" },
      { expr: `max(outbox_held_events{${JOB}})`, legend: "held" },
      { expr: `max(outbox_dead_letters{${JOB}})`, legend: "dead letters" },
      { expr: `max(outbox_blocked_aggregates{${JOB}})`, legend: "blocked entities" },
    ],
  }),
  lines({
    title: "Oldest event that waits",
    description:
      "Age of the oldest event that could be published, and of the oldest of all. 5 s are promised; at 60 s of the first an alert fires.",
    unit: "s",
    min: 0,
    steps: ["green", [5, "yellow"], [60, "red"]],
    limits: true,
    queries: [
      { expr: `max(outbox_oldest_pending_age_seconds{${JOB}})`, legend: "could be published" },
      { expr: `max(outbox_oldest_unpublished_age_seconds{${JOB}})`, legend: "of all" },
    ],
  }),
  lines({
    title: "Publish results",
    description:
      "ok; refused (the event's own fault, five times make a dead letter); unavailable (the log was away, tried again).",
    unit: "cps",
    min: 0,
    steps: ["green"],
    queries: [{ expr: perSecond("outbox_publish_total", "result"), legend: "{{result}}" }],
  }),
  lines({
    title: "Commit → publish",
    description: "From an event's time to its acknowledgement by the log. 5 s are promised for 99.9 %.",
    unit: "s",
    steps: ["green", [5, "red"]],
    limits: true,
    logarithmic: true,
    queries: quantiles("outbox_commit_to_publish_seconds"),
  }),
  lines({
    title: "Events a batch",
    description: "How many events the relay publishes together: 1 at rest, many when it catches up.",
    unit: "none",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: quantile(0.5, "outbox_batch_events"), legend: "p50" },
      { expr: quantile(0.95, "outbox_batch_events"), legend: "p95" },
    ],
  }),
  lines({
    title: "Leaders",
    description: "Which replica's relay and which replica's autoheal lead. Each must be exactly one.",
    unit: "none",
    min: 0,
    max: 1,
    steps: ["green"],
    queries: [
      { expr: `outbox_relay_leader{${JOB}}`, legend: "relay {{instance}}" },
      { expr: `autoheal_leader{${JOB}}`, legend: "autoheal {{instance}}" },
    ],
  }),
];

/** The broker, as the clients in our servers see it. Nothing without Kafka. */
export const kafka: readonly Panel[] = [
  lines({
    title: "Consumer lag",
    description: "Messages that each replica's stream has still to read, over all partitions.",
    unit: "short",
    min: 0,
    steps: ["green"],
    queries: [{ expr: `kafka_consumer_lag_messages{${JOB}}`, legend: "{{instance}}" }],
  }),
  lines({
    title: "Round trip to the broker",
    description: "Worst p99 of the brokers, as librdkafka measures it. A gap: the producer sent nothing in 5 s.",
    unit: "s",
    min: 0,
    steps: ["green"],
    queries: [{ expr: `kafka_broker_round_trip_seconds{${JOB}}`, legend: "{{instance}}" }],
  }),
  lines({
    title: "Brokers, producer queue, errors",
    description:
      "Brokers that replicas are connected to, messages that the producers hold, and connection errors a second.",
    unit: "none",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: `min(kafka_brokers_up{${JOB}})`, legend: "brokers" },
      { expr: `sum(kafka_producer_queue_messages{${JOB}})`, legend: "queued" },
      { expr: perSecond("kafka_errors_total", "job"), legend: "errors/s" },
    ],
  }),
];

/** From the log to browsers. */
export const stream: readonly Panel[] = [
  lines({
    title: "Streams and deliveries",
    description:
      "Open streams of each replica, and events handed to clients a second: one event for two clients is two.",
    unit: "none",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: `stream_clients{${JOB}}`, legend: "streams {{instance}}" },
      { expr: perSecond("stream_deliveries_total", "job"), legend: "deliveries/s" },
    ],
  }),
  lines({
    title: "Commit → client",
    description: "From an event's time to its hand-over to the streams that follow live.",
    unit: "s",
    steps: ["green", [0.25, "yellow"]],
    limits: true,
    logarithmic: true,
    queries: quantiles("stream_commit_to_client_seconds"),
  }),
  lines({
    title: "Evicted, resumed, refused",
    description:
      "Streams that the server ended, by reason; clients that came back, by what they were brought up to date from ('reset': events are lost to them); streams refused because as many are open as may be.",
    unit: "cps",
    min: 0,
    steps: ["green"],
    queries: [
      { expr: perSecond("stream_evictions_total", "reason"), legend: "evicted: {{reason}}" },
      { expr: perSecond("stream_resumes_total", "from"), legend: "resumed from {{from}}" },
      { expr: perSecond("stream_refused_total", "job"), legend: "refused" },
    ],
  }),
];
