import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { RESULTS, type Result } from "./decide.ts";
import type { ProbeStates } from "./heartbeat.ts";

/** Seconds, around the alert's 0.2. */
const AUDIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10];
/** The action of a decision that no rule names one for. */
export const NO_ACTION = "none";

/** The series of autoheal. Made once, by the composition root. Labels are names of the file and of our own, so they are few. */
export class AutohealMetrics {
  readonly #heartbeat: Gauge;
  readonly #leader: Gauge;
  readonly #actions: Counter<"action" | "result">;
  readonly #failures: Counter<"action">;
  readonly #auditSeconds: Histogram;
  readonly #auditFailures: Counter;
  readonly #breaker: Gauge<"action">;
  readonly #probe: Gauge<"probe">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#heartbeat = new Gauge({
      name: "autoheal_heartbeat_timestamp_seconds",
      help: "When this server, as the leader, last wrote its heartbeat; missing where it never led.",
      registers,
    });
    // A gauge begins with 0, which would be a heartbeat in 1970.
    this.#heartbeat.remove();
    this.#leader = new Gauge({
      name: "autoheal_leader",
      help: "1 on the server whose autoheal leads.",
      registers,
    });
    this.#actions = new Counter({
      name: "autoheal_actions_total",
      help: `Decisions by what became of them: ${RESULTS.join(", ")}.`,
      labelNames: ["action", "result"],
      registers,
    });
    this.#failures = new Counter({
      name: "autoheal_action_failures_total",
      help: "Executions that ended in an error, or after which the check did not pass.",
      labelNames: ["action"],
      registers,
    });
    this.#auditSeconds = new Histogram({
      name: "autoheal_audit_write_seconds",
      help: "Time that a write to the audit took.",
      buckets: AUDIT_BUCKETS,
      registers,
    });
    this.#auditFailures = new Counter({
      name: "autoheal_audit_write_failures_total",
      help: "Writes to the audit that failed; what was to be written before an action kept it from being done.",
      registers,
    });
    this.#breaker = new Gauge({
      name: "autoheal_breaker_open",
      help: "1 while an action is not tried because it failed too often in a row; told by the leader.",
      labelNames: ["action"],
      registers,
    });
    this.#probe = new Gauge({
      name: "autoheal_probe_up",
      help: "1 when the leader finds the part well, 0 when not; missing while it cannot be told.",
      labelNames: ["probe"],
      registers,
    });
  }

  /** A series that is not there before its first event cannot show an increase. */
  known(actions: readonly string[]): void {
    for (const action of actions) {
      for (const result of ["executed", "failed", "error"]) this.#actions.inc({ action, result }, 0);
      this.#failures.inc({ action }, 0);
    }
  }

  /** @param seconds since 1970 */
  beat(seconds: number): void {
    this.#heartbeat.set(seconds);
  }

  leads(): void {
    this.#leader.set(1);
  }

  /** Another one tells how things stand from now on. */
  standsBy(): void {
    this.#leader.set(0);
    this.#probe.reset();
    this.#breaker.reset();
  }

  decided(action: string | undefined | null, result: Result): void {
    this.#actions.inc({ action: action ?? NO_ACTION, result });
    if (result === "failed" || result === "error") this.#failures.inc({ action: action ?? NO_ACTION });
  }

  /** @param actions of the file; @param open those whose breaker is open */
  breakers(actions: readonly string[], open: (action: string) => boolean): void {
    this.#breaker.reset();
    for (const action of actions) this.#breaker.set({ action }, Number(open(action)));
  }

  probes(states: ProbeStates): void {
    this.#probe.reset();
    for (const [probe, { up }] of Object.entries(states)) if (up !== null) this.#probe.set({ probe }, Number(up));
  }

  /** Times a write to the audit, and counts its failure. */
  async audited<T>(write: Promise<T>): Promise<T> {
    const end = this.#auditSeconds.startTimer();
    try {
      const result = await write;
      end();
      return result;
    } catch (error) {
      this.#auditFailures.inc();
      throw error;
    }
  }
}
