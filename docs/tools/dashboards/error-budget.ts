import { dashboard } from "./dashboard.ts";
import { bars, lines, stat } from "./panel.ts";

/** The twelve panels on autoheal and the four service levels. Every query is on a recording rule: grafana/prometheus/rules. */
export const errorBudget = dashboard({
  uid: "autoheal-oidc-error-budget",
  title: "Autoheal error budget",
  description:
    "Does autoheal live, do its actions help, and how much of the 30 days' error budgets is left. Alerts: docs/operations.md.",
  panels: [
    [
      stat({
        title: "Autoheal Status",
        description:
          "Healthy: a replica answers and the heart has beaten in the last minute. Anything else: nobody heals.",
        unit: "none",
        steps: ["red", [1, "orange"], [2, "green"]],
        words: { 0: ["Down", "red"], 1: ["No heartbeat", "orange"], 2: ["Healthy", "green"] },
        none: "Prometheus knows nothing",
        queries: [{ expr: "job:autoheal_status:level", legend: "status" }],
      }),
      { x: 0, y: 0, w: 6, h: 4 },
    ],
    [
      stat({
        title: "Heartbeat Age",
        description:
          "Seconds since the leader last wrote its heartbeat, which it does every 5. From 60 on it is stale.",
        unit: "s",
        decimals: 0,
        steps: ["green", [30, "yellow"], [60, "red"]],
        none: "none for a day",
        queries: [{ expr: "job:autoheal_heartbeat_age_seconds:min", legend: "age" }],
      }),
      { x: 6, y: 0, w: 6, h: 4 },
    ],
    [
      stat({
        title: "Failure Rate",
        description: "Share of autoheal's actions within 15 minutes that failed or did not help. The alert is at 5 %.",
        unit: "percentunit",
        decimals: 1,
        steps: ["green", [0.01, "yellow"], [0.05, "red"]],
        none: "service is down",
        queries: [{ expr: "job:autoheal_action_failures_per_actions:ratio_rate15m", legend: "failed" }],
      }),
      { x: 12, y: 0, w: 6, h: 4 },
    ],
    [
      stat({
        title: "Audit Write p95",
        description: "95 % of the writes to the audit within 5 minutes took at most this long. The alert is at 200 ms.",
        unit: "s",
        steps: ["green", [0.1, "yellow"], [0.2, "red"]],
        none: "nothing written",
        queries: [{ expr: "job:autoheal_audit_write_seconds:p95_rate5m", legend: "p95" }],
      }),
      { x: 18, y: 0, w: 6, h: 4 },
    ],
    [
      lines({
        title: "Heartbeat",
        description:
          "Age of the newest heartbeat of any replica. A healthy line stays below 20 s: 5 s between beats, 15 s between scrapes.",
        unit: "s",
        min: 0,
        steps: ["green", [60, "red"]],
        limits: true,
        queries: [{ expr: "job:autoheal_heartbeat_age_seconds:min", legend: "age" }],
      }),
      { x: 0, y: 4, w: 12, h: 8 },
    ],
    [
      lines({
        title: "Failure rate",
        description:
          "Share of autoheal's actions that failed or did not help, over 15 minutes. A gap: the service was down.",
        unit: "percentunit",
        min: 0,
        max: 1,
        steps: ["green", [0.05, "red"]],
        limits: true,
        queries: [{ expr: "job:autoheal_action_failures_per_actions:ratio_rate15m", legend: "failed" }],
      }),
      { x: 12, y: 4, w: 12, h: 8 },
    ],
    [
      lines({
        title: "Availability",
        description:
          "What was well within 5 minutes: autoheal's time with a heartbeat, events delivered in time, requests that did not fail, and those answered within 250 ms. While the service is down all four are 0.",
        unit: "percentunit",
        min: 0,
        max: 1,
        steps: ["red", [0.999, "green"]],
        queries: [{ expr: "slo:availability:ratio_rate5m", legend: "{{slo}}" }],
      }),
      { x: 0, y: 12, w: 12, h: 8 },
    ],
    [
      lines({
        title: "Latency percentiles",
        description: "Time of writes to the audit over 5 minutes. A gap: nothing was written.",
        unit: "s",
        min: 0,
        steps: ["green", [0.2, "red"]],
        limits: true,
        queries: [
          { expr: "job:autoheal_audit_write_seconds:p50_rate5m", legend: "p50" },
          { expr: "job:autoheal_audit_write_seconds:p95_rate5m", legend: "p95" },
          { expr: "job:autoheal_audit_write_seconds:p99_rate5m", legend: "p99" },
        ],
      }),
      { x: 12, y: 12, w: 12, h: 8 },
    ],
    [
      lines({
        title: "Fast burn 14.4×",
        description:
          "How many times too fast the budget is spent, over 1 hour and over 5 minutes. With both lines of a service level above 14.4 the alert fires: 2 % of 30 days are gone in an hour.",
        unit: "none",
        min: 0,
        decimals: 1,
        steps: ["green", [14.4, "red"]],
        limits: true,
        queries: [
          { expr: "slo:burn_rate:ratio_rate1h", legend: "{{slo}} 1 h" },
          { expr: "slo:burn_rate:ratio_rate5m", legend: "{{slo}} 5 min" },
        ],
      }),
      { x: 0, y: 20, w: 12, h: 8 },
    ],
    [
      lines({
        title: "Slow burn 2.4×",
        description:
          "The same over 6 hours and over 30 minutes. With both above 2.4 the alert fires: 2 % of 30 days are gone in 6 hours.",
        unit: "none",
        min: 0,
        decimals: 1,
        steps: ["green", [2.4, "orange"]],
        limits: true,
        queries: [
          { expr: "slo:burn_rate:ratio_rate6h", legend: "{{slo}} 6 h" },
          { expr: "slo:burn_rate:ratio_rate30m", legend: "{{slo}} 30 min" },
        ],
      }),
      { x: 12, y: 20, w: 12, h: 8 },
    ],
    [
      stat({
        title: "Firing burn alerts",
        description:
          "Alerts AutohealErrorBudgetBurnFast and AutohealErrorBudgetBurnSlow that fire, over all service levels.",
        unit: "none",
        decimals: 0,
        steps: ["green", [1, "red"]],
        queries: [{ expr: "job:burn_alerts_firing:count", legend: "firing" }],
      }),
      { x: 0, y: 28, w: 6, h: 7 },
    ],
    [
      bars({
        title: "Error budget left",
        description:
          "Of 43.2 minutes, or one event in a thousand, in 30 days. Below a quarter an alert fires; below 0 more was spent than there was.",
        unit: "percentunit",
        decimals: 1,
        min: 0,
        max: 1,
        steps: ["red", [0.25, "yellow"], [0.5, "green"]],
        queries: [{ expr: "slo:error_budget_remaining:ratio_rate30d", legend: "{{slo}}" }],
      }),
      { x: 6, y: 28, w: 18, h: 7 },
    ],
  ],
});
