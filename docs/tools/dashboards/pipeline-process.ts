import { lines, type Panel } from "./panel.ts";
import { JOB, quantile } from "./promql.ts";

/** What the servers themselves need. */
export const process: readonly Panel[] = [
  lines({
    title: "Event loop lag",
    description: "How late a timer of 100 ms was: what keeps the event loop busy keeps every request waiting.",
    unit: "s",
    min: 0,
    steps: ["green", [0.1, "yellow"]],
    limits: true,
    queries: [
      { expr: quantile(0.5, "event_loop_lag_seconds"), legend: "p50" },
      { expr: quantile(0.99, "event_loop_lag_seconds"), legend: "p99" },
    ],
  }),
  lines({
    title: "Memory",
    description: "Memory of each process that is in RAM. The container's limit is 512 MB.",
    unit: "bytes",
    min: 0,
    steps: ["green"],
    queries: [{ expr: `process_resident_memory_bytes{${JOB}}`, legend: "{{instance}}" }],
  }),
  lines({
    title: "Processors",
    description:
      "Processors that each process keeps busy: JavaScript uses one, the rest is Kafka's client and the garbage collector.",
    unit: "none",
    decimals: 2,
    min: 0,
    steps: ["green"],
    queries: [{ expr: `rate(process_cpu_seconds_total{${JOB}}[$__rate_interval])`, legend: "{{instance}}" }],
  }),
  lines({
    title: "Open files and sockets",
    description: "As a share of what the process may open.",
    unit: "percentunit",
    min: 0,
    max: 1,
    steps: ["green", [0.8, "red"]],
    limits: true,
    queries: [{ expr: `process_open_fds{${JOB}} / process_max_fds{${JOB}}`, legend: "{{instance}}" }],
  }),
  lines({
    title: "Uptime",
    description: "Time since each process began: a line that falls is a restart.",
    unit: "dtdurations",
    min: 0,
    steps: ["green"],
    queries: [
      {
        expr: `(time() - process_start_time_seconds{${JOB}}) * on (instance) group_left (version, commit) aetherlink_build_info{${JOB}}`,
        legend: "{{instance}} {{version}} {{commit}}",
      },
    ],
  }),
  lines({
    title: "What autoheal's probes find",
    description: "1: the part is well. 0: it is not. A gap: it cannot be told, since what it depends on is down.",
    unit: "none",
    min: 0,
    max: 1,
    steps: ["green"],
    queries: [{ expr: `max by (probe) (autoheal_probe_up{${JOB}})`, legend: "{{probe}}" }],
  }),
];
