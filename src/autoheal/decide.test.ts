import { describe, expect, test } from "bun:test";
import { decide, keyOf, RESULTS, type Situation, type Trigger } from "./decide.ts";
import { parseRules, type Rules } from "./rules.ts";

/** Every state that a decision can find, one after the other. */

const NOW = Date.parse("2026-11-23T07:00:00Z");
const CALM: Situation = { now: NOW, runs: [], openUntil: {}, acks: [], running: new Set() };
const ago = (seconds: number) => NOW - seconds * 1_000;

const rules = parseRules(
  JSON.stringify({
    actions: {
      "restart-relay": { type: "restart-relay", cooldownSeconds: 60, maxPerHour: 3 },
      "restart-broker": {
        type: "exec",
        command: ["docker", "restart", "{target}"],
        targets: ["redpanda"],
        dryRun: false,
      },
      "call-someone": { type: "webhook", url: "https://hooks.example.com/secret" },
    },
    rules: [
      { probe: "relay", forSeconds: 5, action: "restart-relay" },
      {
        alert: "BrokerDown",
        labels: { severity: "critical" },
        action: "restart-broker",
        target: { label: "container" },
      },
      { alert: "BacklogOld", action: "restart-relay" },
      { alert: "BacklogOld", action: "call-someone" },
    ],
  }),
);
const relayDown: Trigger = { kind: "probe", probe: "relay", downSeconds: 5, detail: "stuck" };
const alert = (name: string, labels: Record<string, string> = {}): Trigger => ({
  kind: "alert",
  name,
  fingerprint: "0011223344556677",
  labels: { alertname: name, ...labels },
  startsAt: "2026-11-23T06:59:00Z",
});
const brokerDown = (container: string) => alert("BrokerDown", { severity: "critical", container });
const verdicts = (trigger: Trigger, situation: Partial<Situation> = {}, by: Rules = rules) =>
  decide(trigger, by, { ...CALM, ...situation }).map(({ verdict }) => verdict);
const run = (seconds: number, action = "restart-relay", target = "") => ({ action, target, startedAt: ago(seconds) });

describe("a probe", () => {
  test("that has a rule is acted on once it is down for long enough", () => {
    expect(verdicts(relayDown)).toEqual(["execute"]);
    expect(verdicts({ ...relayDown, downSeconds: 4.9 })).toEqual([]);
  });

  test("that has none is only looked at", () => {
    expect(verdicts({ kind: "probe", probe: "broker", downSeconds: 1e6, detail: "" })).toEqual([]);
  });
});

describe("an alert", () => {
  test("is acted on by every rule about it, in their order", () => {
    expect(decide(alert("BacklogOld"), rules, CALM)).toMatchObject([
      { verdict: "execute", action: "restart-relay", target: "" },
      { verdict: "dry_run", action: "call-someone", reason: "dryRun is set for this action" },
    ]);
  });

  test("without a rule is not allowed anything", () => {
    expect(decide(alert("Unheard"), rules, CALM)).toMatchObject([{ verdict: "not_allowed", action: undefined }]);
  });

  test("must have the labels of the rule, with their very values, and its own at that", () => {
    expect(verdicts(alert("BrokerDown", { container: "redpanda" }))).toEqual(["not_allowed"]);
    expect(verdicts(alert("BrokerDown", { severity: "Critical", container: "redpanda" }))).toEqual(["not_allowed"]);
    const inherited = parseRules(
      JSON.stringify({
        actions: { "restart-relay": { type: "restart-relay" } },
        rules: [{ alert: "A", labels: { constructor: "x" }, action: "restart-relay" }],
      }),
    );
    expect(decide(alert("A"), inherited, CALM)).toMatchObject([{ verdict: "not_allowed" }]);
  });

  test("names a target only among those of the file", () => {
    expect(decide(brokerDown("redpanda"), rules, CALM)).toMatchObject([{ verdict: "execute", target: "redpanda" }]);
    for (const container of ["redpanda; rm -rf /", "$(reboot)", "--privileged", "", "REDPANDA", "constructor"]) {
      // What was asked for does not become a target, not even a refused one.
      expect(decide(brokerDown(container), rules, CALM)).toMatchObject([{ verdict: "not_allowed", target: "" }]);
    }
  });
});

describe("the limits", () => {
  test("a cooldown runs from the start of the last execution, for each target by itself", () => {
    expect(verdicts(relayDown, { runs: [run(59)] })).toEqual(["cooldown"]);
    expect(verdicts(relayDown, { runs: [run(60)] })).toEqual(["execute"]);
    expect(verdicts(relayDown, { runs: [run(1, "restart-broker", "redpanda")] })).toEqual(["execute"]);
    expect(verdicts(brokerDown("redpanda"), { runs: [run(1, "restart-broker", "other")] })).toEqual(["execute"]);
  });

  test("what is being done is not done again, however long it takes", () => {
    expect(verdicts(relayDown, { running: new Set([keyOf("restart-relay", "")]), runs: [run(3_000)] })).toEqual([
      "cooldown",
    ]);
  });

  test("a cap counts the executions of any hour, on all targets", () => {
    const runs = [run(3_599, "restart-relay"), run(1_800), run(61)];
    expect(verdicts(relayDown, { runs })).toEqual(["capped"]);
    expect(verdicts(relayDown, { runs: [run(3_600), ...runs.slice(1)] })).toEqual(["execute"]);
  });

  test("a breaker that is open stands against it until its time is over", () => {
    expect(verdicts(relayDown, { openUntil: { "restart-relay": NOW + 1 } })).toEqual(["breaker"]);
    expect(verdicts(relayDown, { openUntil: { "restart-relay": NOW } })).toEqual(["execute"]);
    expect(verdicts(relayDown, { openUntil: { "restart-broker": NOW + 1 } })).toEqual(["execute"]);
  });

  test("one trigger executes an action once, though two rules name it", () => {
    const twice = { ...rules, rules: [...rules.rules.slice(0, 1), ...rules.rules.slice(0, 1)] };
    expect(verdicts(relayDown, {}, twice)).toEqual(["execute", "cooldown"]);
  });
});

describe("an acknowledgement", () => {
  const ack = { id: "1", fingerprint: null, note: "being mended", actor: "anna", expiresAt: NOW + 1 };

  test("holds everything about its cause until it expires", () => {
    const acks = [{ ...ack, cause: "probe relay" }];
    expect(decide(relayDown, rules, { ...CALM, acks })).toMatchObject([
      { verdict: "acknowledged", reason: "anna acknowledged it: being mended" },
    ]);
    expect(verdicts(relayDown, { acks, now: NOW + 1 })).toEqual(["execute"]);
    expect(verdicts(alert("BacklogOld"), { acks })).toEqual(["execute", "dry_run"]);
  });

  test("of one alert holds that one alone", () => {
    const acks = [{ ...ack, cause: "alert BacklogOld", fingerprint: "ffffffffffffffff" }];
    expect(verdicts(alert("BacklogOld"), { acks })).toEqual(["execute", "dry_run"]);
    expect(verdicts({ ...alert("BacklogOld"), fingerprint: "ffffffffffffffff" } as Trigger, { acks })).toEqual([
      "acknowledged",
      "acknowledged",
    ]);
  });
});

test("dryRun for all of the file executes nothing, and an action's own dryRun that one", () => {
  expect(verdicts(relayDown, {}, { ...rules, dryRun: true })).toEqual(["dry_run"]);
  expect(verdicts(brokerDown("redpanda"), {}, { ...rules, dryRun: true })).toEqual(["dry_run"]);
});

test("the metric's results are those that were agreed on", () => {
  expect(RESULTS.toSorted().join("|")).toBe(
    "acknowledged|breaker|capped|cooldown|dry_run|duplicate|error|executed|failed|not_allowed",
  );
});
