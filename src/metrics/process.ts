import { readdirSync, readFileSync } from "node:fs";
import { Gauge, Histogram, type Registry } from "prom-client";
import { counterOf, gaugeOf } from "./read.ts";

/** Milliseconds between two looks at how late the event loop is. */
const LOOK_MS = 100;
/** Seconds. */
const LATE = [0.005, 0.025, 0.1, 0.25, 1];

/** What this program is. */
export interface BuildInfo {
  readonly version: string;
  /** Abbreviated id of the commit; "unknown" where it cannot be told. */
  readonly commit: string;
  readonly bun: string;
}

/** `aetherlink_build_info`. */
export function showBuild(registry: Registry, { version, commit, bun }: BuildInfo): void {
  const info = new Gauge({
    name: "aetherlink_build_info",
    help: "1, labelled with what this program is.",
    labelNames: ["version", "commit", "bun"],
    registers: [registry],
  });
  info.set({ version, commit, bun }, 1);
}

/**
 * The series of the process, by the names that Prometheus' clients share. Not prom-client's `collectDefaultMetrics`: on Bun 1.4.5
 * those on handles, requests, heap spaces and garbage collection are always 0, and `process_heap_bytes` is address space that
 * JavaScriptCore has only reserved, 6 GB of it.
 * Source of the names: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 */
export function watchProcess(registry: Registry): void {
  const startedAt = Math.round(Date.now() / 1_000 - process.uptime());
  const series = (name: string, help: string) => ({ registry, name, help });
  counterOf(series("process_cpu_seconds_total", "Time of processors used, in user and in system mode."), () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gaugeOf(series("process_start_time_seconds", "When the process began, since 1970."), () => startedAt);
  gaugeOf(series("process_resident_memory_bytes", "Memory of the process that is in RAM."), () =>
    process.memoryUsage.rss(),
  );
  gaugeOf(series("process_open_fds", "Open files and sockets; on Linux."), openFiles);
  gaugeOf(series("process_max_fds", "Files and sockets that may be open; on Linux."), maxFiles);
}

/** How late the event loop is: what keeps it busy keeps every request waiting. */
export class LoopLag {
  readonly #late: Histogram;
  #timer: Timer | undefined;

  constructor(registry: Registry) {
    this.#late = new Histogram({
      name: "event_loop_lag_seconds",
      help: "How late a timer was that is due 100 ms after the last: what keeps the event loop busy keeps every request waiting.",
      buckets: LATE,
      registers: [registry],
    });
  }

  start(): void {
    if (this.#timer !== undefined) return;
    const look = () => {
      const due = performance.now() + LOOK_MS;
      this.#timer = setTimeout(() => {
        this.#late.observe(Math.max(0, performance.now() - due) / 1_000);
        look();
      }, LOOK_MS);
    };
    look();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function openFiles(): number | undefined {
  try {
    // One of them is that of the folder itself.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

function maxFiles(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}
