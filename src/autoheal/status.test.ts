import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { AlertInbox } from "./alerts.ts";
import { alertOf, onAlert, touch, World } from "./autoheal.fixture.ts";
import type { Situation } from "./decide.ts";
import { budgetOf, readBudget } from "./heartbeat.ts";
import { checkRules } from "./rules.ts";
import { previewOf, readStatus } from "./status.ts";

let world: World;
beforeAll(async () => {
  world = await World.open();
});
beforeEach(() => world.reset());
afterAll(() => world.stop());

const NOW = Date.parse("2026-11-23T07:00:00Z");
const CALM: Situation = { now: NOW, runs: [], openUntil: {}, acks: [], running: new Set() };

describe("the preview", () => {
  const rules = checkRules({
    actions: {
      relay: { type: "restart-relay" },
      broker: { type: "exec", command: ["x", "{target}"], targets: ["redpanda", "other"] },
    },
    rules: [
      { probe: "relay", forSeconds: 5, action: "relay" },
      { alert: "BrokerDown", labels: { severity: "critical" }, action: "broker", target: { label: "container" } },
    ],
  });

  test("says what each rule would do if its trigger came now, and why", () => {
    expect(previewOf(rules, CALM)).toEqual([
      {
        when: "probe relay down for 5 s",
        cause: "probe relay",
        action: "relay",
        target: "",
        verdict: "execute",
        reason: "a rule asks for it, and no limit stands against it",
      },
      {
        when: "alert BrokerDown with severity=critical",
        cause: "alert BrokerDown",
        action: "broker",
        target: "redpanda",
        verdict: "dry_run",
        reason: "dryRun is set for this action",
      },
    ]);
  });

  test("knows of cooldowns, breakers and acknowledgements", () => {
    const ack = { id: "1", fingerprint: null, note: "n", actor: "anna", expiresAt: NOW + 1 };
    const verdicts = (situation: Partial<Situation>) =>
      previewOf(rules, { ...CALM, ...situation }).map(({ verdict }) => verdict);
    expect(verdicts({ runs: [{ action: "relay", target: "", startedAt: NOW }] })).toEqual(["cooldown", "dry_run"]);
    expect(verdicts({ openUntil: { broker: NOW + 1 } })).toEqual(["execute", "breaker"]);
    expect(verdicts({ acks: [{ ...ack, cause: "probe relay" }] })).toEqual(["acknowledged", "dry_run"]);
  });
});

test("the status is the same from every replica: leader, actions with their limits, breakers, what is acknowledged", async () => {
  const rules = onAlert({ ...touch(world.newFile(), 1), breaker: { failures: 1, openSeconds: 60 } });
  const term = await world.term(rules);
  const inbox = new AlertInbox(
    world.sql,
    () => 30,
    () => {},
  );
  await inbox.receive([alertOf("Down")]);
  world.switches.down("relay");
  await term.turn();
  const state = { file: "f", source: "file", loadedAt: "", faults: [] } as const;
  const autoheal = { rules: { rules: checkRules(rules), state }, state: "standby", replica: "two" } as const;
  const status = await readStatus(world.sql, autoheal as unknown as Parameters<typeof readStatus>[1]);
  expect(status).toMatchObject({
    replica: "two",
    state: "standby",
    health: "healthy",
    leader: { replica: "one", probes: { relay: { up: false }, broker: { up: true } } },
    actions: [
      { name: "act", type: "exec", inLastHour: 1, failures: 1, breakerOpenUntil: expect.stringMatching(/^20/) },
    ],
    preview: [{ verdict: "breaker" }],
  });
  await world.db.sql`update autoheal_leader set beat_at = beat_at - interval '61 seconds'`;
  expect(await readStatus(world.sql, autoheal as unknown as Parameters<typeof readStatus>[1])).toMatchObject({
    health: "stale",
  });
});

describe("the error budget", () => {
  test("is 43.2 minutes of thirty days, and below zero when overdrawn", () => {
    expect(budgetOf(0, 0)).toMatchObject({ missedMinutes: 0, allowedMinutes: 43.2, remaining: 1 });
    expect(budgetOf(100, 90)).toMatchObject({ missedMinutes: 10, remaining: 0.7685 });
    expect(budgetOf(43_200, 43_100)).toMatchObject({ missedMinutes: 100, remaining: -1.3148 });
  });

  test("counts the whole minutes without a heartbeat since the first, the one under way not yet", async () => {
    await world.db.sql`truncate autoheal_beats`;
    expect(await readBudget(world.sql)).toMatchObject({ observedMinutes: 0, remaining: 1 });
    await world.db.sql`
      insert into autoheal_beats (minute, beats)
      select date_trunc('minute', clock_timestamp()) - n * interval '1 minute', 12 from generate_series(0, 60) n
      where n not between 20 and 24`;
    expect(await readBudget(world.sql)).toMatchObject({ observedMinutes: 60, missedMinutes: 5 });
    await world.db
      .sql`insert into autoheal_beats values (date_trunc('minute', clock_timestamp()) - interval '31 days', 1)`;
    expect(await readBudget(world.sql)).toMatchObject({ observedMinutes: 60 });
  });
});
