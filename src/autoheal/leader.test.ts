import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../../test/support/wait.ts";
import { AlertInbox } from "./alerts.ts";
import { alertOf, linesIn, onAlert, touch, World } from "./autoheal.fixture.ts";

/** One term, turn by turn, on a real database and with real commands. */

let world: World;
let inbox: AlertInbox;
beforeAll(async () => {
  world = await World.open();
  inbox = new AlertInbox(
    world.sql,
    () => 30,
    () => {},
  );
});
beforeEach(() => world.reset());
afterAll(() => world.stop());

describe("an alert", () => {
  test("leads to one execution, written down before it and after it, with who, why, on what and for how long", async () => {
    const file = world.newFile();
    const term = await world.term(onAlert(touch(file)));
    await inbox.receive([alertOf("Down", 7, { labels: { severity: "critical" } })]);
    await term.turn();
    expect(await linesIn(file)).toBe(1);
    const [started, finished] = await world.audit();
    expect(started).toMatchObject({
      phase: "started",
      actor: "alertmanager",
      replica: "one",
      cause: "alert Down",
      action: "act",
      result: "execute",
      reason: "a rule asks for it, and no limit stands against it",
      detail: null,
      durationMs: null,
    });
    expect(started?.input).toMatchObject({ labels: { alertname: "Down", severity: "critical" }, type: "exec" });
    expect(finished).toMatchObject({ phase: "finished", result: "executed", decisionId: started?.decisionId ?? "" });
    expect(finished?.detail).toBe("it ended with exit code 0");
    expect(finished?.durationMs).toBeGreaterThan(0);
    expect(await term.metric('autoheal_actions_total{action="act",result="executed"}')).toBe(1);
    expect(await term.metric("autoheal_audit_write_seconds_count")).toBe(2);
    expect(await term.metric("autoheal_audit_write_failures_total")).toBe(0);
  });

  test("that no rule is about is written down as not allowed, and nothing is done", async () => {
    const term = await world.term(onAlert(touch(world.newFile())));
    await inbox.receive([alertOf("Unheard")]);
    await term.turn();
    expect(await world.story()).toEqual(["decided not_allowed"]);
    expect(await term.metric('autoheal_actions_total{action="none",result="not_allowed"}')).toBe(1);
  });

  test("is a dry run by default where it would reach outside", async () => {
    const file = world.newFile();
    const { dryRun: _, ...action } = touch(file);
    const term = await world.term(onAlert(action));
    await inbox.receive([alertOf("Down")]);
    await term.turn();
    expect(await world.story()).toEqual(["decided dry_run"]);
    expect(await linesIn(file)).toBe(0);
  });

  test("that flaps is decided on each time, and acted on once within the cooldown", async () => {
    const file = world.newFile();
    const term = await world.term(onAlert(touch(file)));
    for (let second = 0; second < 10; second++) {
      const startsAt = new Date(Date.UTC(2026, 10, 23, 7, 0, second)).toISOString();
      await inbox.receive([alertOf("Down", 1, { startsAt }), alertOf("Down", 2, { status: "resolved" })]);
      await term.turn();
    }
    expect(await linesIn(file)).toBe(1);
    const story = await world.story();
    expect(story.slice(0, 2)).toEqual(["started execute", "finished executed"]);
    expect(story.slice(2)).toEqual(new Array(9).fill("decided cooldown"));
  });

  test("of which a thousand come in a second is decided on a thousand times, and acted on once", async () => {
    const file = world.newFile();
    const term = await world.term(onAlert(touch(file)));
    const storm = Array.from({ length: 1_000 }, (_, n) => inbox.receive([alertOf("Down", n)]));
    const receipts = await Promise.all(storm);
    expect(receipts.every(({ accepted }) => accepted === 1)).toBe(true);
    await term.turn();
    await term.turn();
    await term.turn();
    expect(await linesIn(file)).toBe(1);
    expect((await world.story()).filter((entry) => entry === "decided cooldown")).toHaveLength(999);
    const [left] = await world.db.sql`select count(*)::int as n from autoheal_alerts where pending`;
    expect(left?.n).toBe(0);
  });

  test("that came again while it was being decided on is not decided on twice", async () => {
    const term = await world.term({ dryRun: true, ...onAlert(touch(world.newFile())) });
    await inbox.receive([alertOf("Down")]);
    expect(await inbox.receive([alertOf("Down")])).toEqual({ accepted: 0, duplicates: 1, ignored: 0 });
    await term.turn();
    await term.turn();
    expect(await world.story()).toEqual(["decided dry_run"]);
  });

  test("whose labels are commands is given to none", async () => {
    const file = world.newFile();
    const term = await world.term({
      actions: {
        act: {
          type: "exec",
          command: ["/bin/echo", "$(touch x)", "{target}"],
          targets: ["a", "$(reboot)"],
          dryRun: false,
        },
      },
      rules: [{ alert: "Down", action: "act", target: { label: "container" } }],
    });
    const evil = `a; touch ${file}`;
    await inbox.receive([
      alertOf("Down", 1, { labels: { alertname: "Down", container: evil } }),
      alertOf("Down", 2, { labels: { alertname: "Down", container: "$(reboot)", evil: `\`touch ${file}\`` } }),
    ]);
    await term.turn();
    const entries = await world.audit();
    expect(entries.map(({ phase, result, target }) => [phase, result, target])).toEqual([
      ["decided", "not_allowed", ""],
      ["started", "execute", "$(reboot)"],
      ["finished", "executed", "$(reboot)"],
    ]);
    // What is on the list reaches the program as the word that it is.
    expect(entries[2]?.detail).toBe("it ended with exit code 0: $(touch x) $(reboot)");
    expect(await linesIn(file)).toBe(0);
  });
});

describe("a probe that is down", () => {
  const rules = (file: string) => ({
    actions: { act: { ...touch(file), cooldownSeconds: 1, check: { probe: "broker", withinSeconds: 1 } } },
    rules: [{ probe: "broker", forSeconds: 0, action: "act" }],
  });

  test("is acted on, looked at afterwards, and said to have been of no help while it stays down", async () => {
    const file = world.newFile();
    world.switches.down("broker");
    const term = await world.term(rules(file));
    await term.turn();
    expect(await world.story()).toEqual(["started execute", "finished failed"]);
    const [, finished] = await world.audit();
    expect(finished?.detail).toContain("broker was not up within 1 s");
    expect(await term.metric('autoheal_action_failures_total{action="act"}')).toBe(1);
  });

  test("and comes back is said to have been helped", async () => {
    world.switches.down("broker");
    const term = await world.term(rules(world.newFile()));
    const turn = term.turn();
    await until("it is so", 10_000, async () => (await world.story()).includes("started execute"));
    world.switches.up("broker");
    const looking = setInterval(() => void term.leader.turn(), 300);
    await turn;
    clearInterval(looking);
    expect((await world.audit()).at(-1)).toMatchObject({
      result: "executed",
      detail: "it ended with exit code 0; afterwards broker is up",
    });
  });

  test("is told once for each thing that is new about it, not every second", async () => {
    world.switches.down("broker");
    const term = await world.term({ dryRun: true, ...rules(world.newFile()) });
    for (let n = 0; n < 3; n++) await term.look();
    expect(await world.story()).toEqual(["decided dry_run"]);
    world.switches.up("broker");
    await term.look();
    world.switches.down("broker");
    await term.look();
    expect(await world.story()).toEqual(["decided dry_run", "decided dry_run"]);
  });
});

test("an acknowledged cause is left alone until the acknowledgement ends", async () => {
  const file = world.newFile();
  const term = await world.term(onAlert(touch(file)));
  await world.db.sql`
    insert into autoheal_acks (id, cause, note, actor, expires_at)
    values (gen_random_uuid(), 'alert Down', 'being mended', 'anna', clock_timestamp() + interval '1 hour')`;
  await inbox.receive([alertOf("Down", 1)]);
  await term.turn();
  expect((await world.audit()).at(-1)).toMatchObject({
    result: "acknowledged",
    reason: "anna acknowledged it: being mended",
  });
  await world.db.sql`update autoheal_acks set expires_at = clock_timestamp()`;
  await inbox.receive([alertOf("Down", 2)]);
  await term.turn();
  expect(await linesIn(file)).toBe(1);
});

test("a beat is a gauge and a row, at the first turn and then at its interval", async () => {
  const term = await world.term({ actions: {}, rules: [] }, { beatMs: 100 });
  await term.turn();
  const first = await term.metric("autoheal_heartbeat_timestamp_seconds");
  expect(Math.abs(Number(first) - Date.now() / 1_000)).toBeLessThan(60);
  await until("it is so", 10_000, async () => {
    await term.turn();
    return Number(await term.metric("autoheal_heartbeat_timestamp_seconds")) > Number(first);
  });
  const [row] = await world.db.sql`select replica, extract(epoch from beat_at)::float8 as at from autoheal_leader`;
  expect(row?.replica).toBe("one");
  expect(row?.at).toBeCloseTo(Number(await term.metric("autoheal_heartbeat_timestamp_seconds")), 3);
  expect(await term.metric('autoheal_probe_up{probe="broker"}')).toBe(1);
});
