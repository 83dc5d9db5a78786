import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import shipped from "../../autoheal.json";
import { ACTION_TYPES, checkRules, parseRules, RulesError } from "./rules.ts";

const relay = { "restart-relay": { type: "restart-relay" } };
const exec = { type: "exec", command: ["/bin/true"] };

function faults(value: unknown): readonly string[] {
  try {
    parseRules(typeof value === "string" ? value : JSON.stringify(value));
    return [];
  } catch (error) {
    if (error instanceof RulesError) return error.lines;
    throw error;
  }
}

test("the file that is shipped is well formed, and acts inside the server alone", () => {
  const { actions, rules } = checkRules(shipped);
  expect(rules.length).toBeGreaterThan(0);
  expect(Object.values(actions).map(({ type }) => type)).not.toContain("exec");
});

test("the file that docs/operations.md shows is well formed, and it tells of every type of action", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../docs/operations.md")).text();
  const [, example = ""] = /```json\n(\{\n {2}"dryRun"[^`]+)```/.exec(page) ?? [];
  const { actions, rules } = parseRules(example);
  expect(rules).toHaveLength(5);
  expect(actions["restart-container"]?.dryRun).toBe(true);
  for (const type of ACTION_TYPES) expect(page).toContain(`\`${type}\``);
});

test("what reaches outside is a dry run unless said otherwise", () => {
  const { actions } = parseRules(
    JSON.stringify({ actions: { ...relay, e: exec, w: { type: "webhook", url: "http://x.example/" } }, rules: [] }),
  );
  expect(Object.values(actions).map(({ dryRun }) => dryRun)).toEqual([false, true, true]);
});

describe("a fault is told with its place", () => {
  test.each<[string, unknown, string]>([
    ["no JSON", "{", "is not JSON"],
    ["an unknown field", { actions: {}, rules: [], rule: [] }, "#/rule is not known here"],
    [
      "an unknown type",
      { actions: { a: { type: "reboot" } }, rules: [] },
      "#/actions/a/type must be one of restart-relay",
    ],
    ["a shell line", { actions: { a: { type: "exec", command: "rm -rf /" } }, rules: [] }, "#/actions/a/command"],
    [
      "a target that is part of a word",
      { actions: { a: { ...exec, command: ["x", "name={target}"], targets: ["y"] } }, rules: [] },
      "#/actions/a/command/1 must be {target} alone",
    ],
    ["a program that is missing", { actions: { a: { type: "exec", command: [] } }, rules: [] }, "must name a program"],
    [
      "a URL of another kind",
      { actions: { a: { type: "webhook", url: "file:///etc/passwd" } }, rules: [] },
      "http or https",
    ],
    ["a cooldown of none", { actions: { a: { ...exec, cooldownSeconds: 0 } }, rules: [] }, "from 1 to 86400"],
    ["a name for a shell", { actions: { "a;b": exec }, rules: [] }, "lower case letters"],
    [
      "an action that is not there",
      { actions: relay, rules: [{ alert: "A", action: "b" }] },
      "#/rules/0/action must be one of",
    ],
    [
      "one that every object has",
      { actions: relay, rules: [{ alert: "A", action: "constructor" }] },
      "#/rules/0/action",
    ],
    ["a rule about nothing", { actions: relay, rules: [{ action: "restart-relay" }] }, "#/rules/0"],
    [
      "an unknown probe",
      { actions: relay, rules: [{ probe: "moon", action: "restart-relay" }] },
      "must be one of database",
    ],
    [
      "a target without a list",
      { actions: { a: { ...exec, command: ["x", "{target}"] } }, rules: [] },
      "#/actions/a/targets",
    ],
    [
      "a target that is not listed",
      { actions: { a: { ...exec, targets: ["x"] } }, rules: [{ alert: "A", action: "a", target: "y" }] },
      "#/rules/0/target must be one of the action's targets",
    ],
    [
      "a target that is missing",
      { actions: { a: { ...exec, targets: ["x"] } }, rules: [{ alert: "A", action: "a" }] },
      "#/rules/0/target is missing: x",
    ],
    [
      "a probe's label",
      { actions: { a: { ...exec, targets: ["x"] } }, rules: [{ probe: "relay", action: "a", target: { label: "l" } }] },
      "a probe has no labels",
    ],
  ])("%s", (_, value, line) => {
    expect(faults(value).join("\n")).toContain(line);
  });

  test("and all of them at once", () => {
    expect(
      faults({ dryRun: 1, actions: { a: { type: "reboot" } }, rules: [{ probe: "moon", action: "a" }] }),
    ).toHaveLength(3);
  });
});
