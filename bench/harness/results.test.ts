import { expect, test } from "bun:test";
import type { Answer, Figure } from "./question.ts";
import { merge, render, verdict } from "./results.ts";

const ORDER = ["writes", "relay"];
const MACHINE = { machine: "2 cores", versions: { Bun: "1.4.5" } };

function answer(name: string, figures: Figure[], more: Partial<Answer> = {}): Answer {
  const at = "2026-11-26T04:00:00.000Z";
  return {
    name,
    asks: `What of ${name}?`,
    at,
    commit: "abc",
    seconds: 12,
    load: [1, 2],
    figures,
    usage: [],
    notes: [],
    ...more,
  };
}

test("a bar is held against the median, and a miss says by how much", () => {
  const figure = { what: "rate", unit: "1/s", values: [90, 80, 500], bar: { atLeast: 100 } };
  expect(verdict(figure)).toBe("**missed** by 10 (10 %)");
  expect(verdict({ ...figure, bar: { atLeast: 90 } })).toBe("met");
  expect(verdict({ ...figure, bar: { atMost: 90 } })).toBe("met");
  expect(verdict({ ...figure, bar: undefined })).toBe("");
  expect(verdict({ ...figure, values: [] })).toBe("**missed**: not measured");
});

test("the page says which bars are missed and which questions were not run", () => {
  const missed = {
    what: "POST to pgbench",
    unit: "",
    values: [0.8],
    digits: 2,
    bar: { atLeast: 1.2 },
    why: "Because.",
  };
  const page = render({
    ...MACHINE,
    answers: [answer("writes", [missed]), answer("relay", [], { notRun: "needs a Kafka" })],
  });
  expect(page).toContain(
    "- Bars: 0 of 1 are met; not these:\n  - writes: POST to pgbench: **missed** by 0.4 (33 %). Because.",
  );
  expect(page).toContain("- Not run: relay (needs a Kafka)");
  expect(page).toContain("| POST to pgbench | 0.80 | ≥ 1.2 | **missed** by 0.4 (33 %) |");
  expect(page).toContain("load average 1.0 before and 2.0 after");
});

test("one question asked again takes the place of its older answer; questions that are no more are dropped", () => {
  const [old, fresh] = [answer("writes", [], { commit: "old" }), answer("writes", [], { commit: "new" })];
  const full = { at: "2026-11-25T00:00:00.000Z", seconds: 1_500 };
  const before = { ...MACHINE, full, answers: [old, answer("relay", []), answer("gone", [])] };
  const after = merge(before, [fresh], ORDER, MACHINE);
  expect(after.answers.map(({ name, commit }) => [name, commit])).toEqual([
    ["writes", "new"],
    ["relay", "abc"],
  ]);
  expect(after.full).toEqual(full);
});
