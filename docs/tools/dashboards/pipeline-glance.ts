import { type Panel, stat } from "./panel.ts";
import { JOB, perSecond, quantile } from "./promql.ts";

/** One number for each stage, in the order in which a change passes them. */
export const glance: readonly Panel[] = [
  stat({
    title: "Replicas up",
    description: "Servers that answer Prometheus' scrapes.",
    unit: "none",
    steps: ["red", [1, "orange"], [2, "green"]],
    queries: [{ expr: `sum(up{${JOB}})`, legend: "up" }],
    none: "no target",
  }),
  stat({
    title: "API requests",
    description: "Requests to /api a second, over all replicas.",
    unit: "reqps",
    steps: ["blue"],
    queries: [{ expr: perSecond("http_requests_total", "job", ',route=~"/api/.*"'), legend: "requests" }],
  }),
  stat({
    title: "API availability",
    description: "Requests to /api within 5 minutes that did not fail by our fault; 0 while the service is down.",
    unit: "percentunit",
    decimals: 2,
    steps: ["red", [0.999, "green"]],
    queries: [{ expr: 'slo:availability:ratio_rate5m{slo="api_availability"}', legend: "available" }],
  }),
  stat({
    title: "Oldest event that waits",
    description: "Age of the oldest event that could be published. 5 s are promised; at 60 s an alert fires.",
    unit: "s",
    decimals: 1,
    steps: ["green", [5, "yellow"], [60, "red"]],
    queries: [{ expr: `max(outbox_oldest_pending_age_seconds{${JOB}})`, legend: "age" }],
    none: "cannot be counted",
  }),
  stat({
    title: "Dead letters",
    description: "Events that were refused five times and wait for a person.",
    unit: "none",
    steps: ["green", [1, "orange"]],
    queries: [{ expr: `max(outbox_dead_letters{${JOB}})`, legend: "dead" }],
    none: "cannot be counted",
  }),
  stat({
    title: "Kafka lag",
    description:
      "Messages that the furthest behind of the replicas has still to read. Nothing: the log is in the process.",
    unit: "none",
    steps: ["green", [1_000, "yellow"], [100_000, "red"]],
    queries: [{ expr: `max(kafka_consumer_lag_messages{${JOB}})`, legend: "lag" }],
    none: "no Kafka",
  }),
  stat({
    title: "Streams",
    description: "Open streams of clients, over all replicas.",
    unit: "none",
    steps: ["blue"],
    queries: [{ expr: `sum(stream_clients{${JOB}})`, legend: "streams" }],
  }),
  stat({
    title: "Commit → client p99",
    description: "99 % of the events were with the clients within this time of their commit.",
    unit: "s",
    steps: ["green", [0.25, "yellow"], [1, "red"]],
    queries: [{ expr: quantile(0.99, "stream_commit_to_client_seconds"), legend: "p99" }],
    none: "nobody was sent anything",
  }),
];
