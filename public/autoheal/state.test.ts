import { describe, expect, test } from "bun:test";
import type { AuditEntry } from "../../src/autoheal/audit.ts";
import { toneOf, withEntries, wordsOf } from "./decisions.ts";
import { beatAge, causesOf, initialState, reduce } from "./state.ts";

const entry = (id: number, decisionId: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id: String(id),
  at: "2026-11-23T07:00:00.000Z",
  decisionId,
  phase: "decided",
  replica: "one",
  actor: "probe",
  cause: "probe relay",
  action: "restart-relay",
  target: "",
  result: "cooldown",
  reason: "r",
  input: {},
  detail: null,
  durationMs: null,
  ...more,
});
const started = (id: number, decisionId: string) => entry(id, decisionId, { phase: "started", result: "execute" });
const finished = (id: number, decisionId: string, result = "executed") =>
  entry(id, decisionId, { phase: "finished", result, detail: "d" });

describe("decisions", () => {
  test("gather what was written about each, the newest first, in whatever order it comes and however often", () => {
    const entries = [
      finished(3, "a"),
      entry(4, "b"),
      started(1, "a"),
      entry(2, "a", { phase: "replica" }),
      started(1, "a"),
    ];
    for (const order of [entries, entries.toReversed()]) {
      const decisions = order.reduce<ReturnType<typeof withEntries>>((before, one) => withEntries(before, [one]), []);
      expect(decisions.map(({ decisionId, result, replicas }) => [decisionId, result, replicas.length])).toEqual([
        ["b", "cooldown", 0],
        ["a", "executed", 1],
      ]);
      expect(decisions[1]?.first.id).toBe("1");
    }
  });

  test("are running from their start until their end is written", () => {
    const running = withEntries([], [started(1, "a")]);
    expect(running[0]?.result).toBe("running");
    expect(withEntries(running, [finished(2, "a", "failed")])[0]?.result).toBe("failed");
  });

  test("are a hundred at most", () => {
    const many = Array.from({ length: 250 }, (_, n) => entry(n + 1, `d${n}`));
    const decisions = withEntries([], many);
    expect(decisions).toHaveLength(100);
    expect(decisions[0]?.first.id).toBe("250");
  });

  test("have words and a tone for every result, also for one that is new", () => {
    expect([wordsOf("executed"), toneOf("executed")]).toEqual(["done", "created"]);
    expect([wordsOf("melted"), toneOf("melted")]).toEqual(["melted", "other"]);
  });
});

describe("the page's state", () => {
  const leader = { replica: "one", since: "", beatAt: "", ageSeconds: 3, probes: {} };
  const status = { leader, preview: [{ cause: "probe topic" }], acks: [] };
  const data = { status: status as never, entries: [entry(7, "a")], user: null, theme: "system", now: 1_000 } as const;

  test("counts the heartbeat's age on while no newer status comes, and keeps the last when there is none", () => {
    const at = (now: number) => beatAge(reduce(initialState(data), { kind: "tick", now }));
    expect(at(1_000)).toBe(3);
    expect(at(61_000)).toBe(63);
    // A clock behind the server's does not make it younger.
    expect(at(0)).toBe(3);
    const state = reduce(initialState(data), { kind: "status", status: null, at: 5_000 });
    expect(state.status?.leader?.replica).toBe("one");
  });

  test("goes on behind the newest entry", () => {
    const state = initialState(data);
    expect(state.lastEventId).toBe("7");
    expect(reduce(state, { kind: "entries", entries: [entry(9, "b")] }).lastEventId).toBe("9");
    expect(initialState({ ...data, entries: [] }).lastEventId).toBe("");
  });

  test("offers every cause once: of the rules and of what was decided", () => {
    expect(causesOf(initialState(data))).toEqual(["probe relay", "probe topic"]);
  });
});
