import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { LeadershipLostError } from "../outbox/index.ts";
import { AlertInbox } from "./alerts.ts";
import { alertOf, type Term, World } from "./autoheal.fixture.ts";

/** One term, turn by turn, on a real database and with real commands. */

let world: World;
let inbox: AlertInbox;
const terms: Term[] = [];
beforeAll(async () => {
  world = await World.open();
  inbox = new AlertInbox(
    world.sql,
    () => 30,
    () => {},
  );
});
beforeEach(async () => {
  await world.db.sql`truncate autoheal_audit, autoheal_runs, autoheal_breakers, autoheal_acks, autoheal_alerts`;
  for (const probe of ["database", "broker", "topic", "relay", "stream"] as const) world.switches.up(probe);
});
afterEach(async () => {
  for (const term of terms.splice(0)) await term.end();
});
afterAll(() => world.stop());

const begin = async (rules: object, options = {}) => {
  const term = await world.term(rules, options);
  terms.push(term);
  return term;
};
/** A command that leaves a line in a file, and fails when told so. */
const touch = (file: string, exit = 0) => ({
  type: "exec",
  command: ["/bin/sh", "-c", `echo done >> "$0"; exit ${exit}`, file],
  dryRun: false,
});
const linesIn = async (file: string) =>
  (await Bun.file(file).exists()) ? (await Bun.file(file).text()).split("\n").length - 1 : 0;
let files = 0;
const newFile = () => join(world.folder, `done-${++files}`);
const onAlert = (action: object) => ({ actions: { act: action }, rules: [{ alert: "Down", action: "act" }] });

describe("an alert", () => {
  test("leads to one execution, written down before it and after it, with who, why, on what and for how long", async () => {
    const file = newFile();
    const term = await begin(onAlert(touch(file)));
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
    const term = await begin(onAlert(touch(newFile())));
    await inbox.receive([alertOf("Unheard")]);
    await term.turn();
    expect(await world.story()).toEqual(["decided not_allowed"]);
    expect(await term.metric('autoheal_actions_total{action="none",result="not_allowed"}')).toBe(1);
  });

  test("is a dry run by default where it would reach outside", async () => {
    const file = newFile();
    const { dryRun: _, ...action } = touch(file);
    const term = await begin(onAlert(action));
    await inbox.receive([alertOf("Down")]);
    await term.turn();
    expect(await world.story()).toEqual(["decided dry_run"]);
    expect(await linesIn(file)).toBe(0);
  });

  test("that flaps is decided on each time, and acted on once within the cooldown", async () => {
    const file = newFile();
    const term = await begin(onAlert(touch(file)));
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
    const file = newFile();
    const term = await begin(onAlert(touch(file)));
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
    const term = await begin({ dryRun: true, ...onAlert(touch(newFile())) });
    await inbox.receive([alertOf("Down")]);
    expect(await inbox.receive([alertOf("Down")])).toEqual({ accepted: 0, duplicates: 1, ignored: 0 });
    await term.turn();
    await term.turn();
    expect(await world.story()).toEqual(["decided dry_run"]);
  });

  test("whose labels are commands is given to none", async () => {
    const file = newFile();
    const term = await begin({
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
    const file = newFile();
    world.switches.down("broker");
    const term = await begin(rules(file));
    await term.turn();
    expect(await world.story()).toEqual(["started execute", "finished failed"]);
    const [, finished] = await world.audit();
    expect(finished?.detail).toContain("broker was not up within 1 s");
    expect(await term.metric('autoheal_action_failures_total{action="act"}')).toBe(1);
  });

  test("and comes back is said to have been helped", async () => {
    world.switches.down("broker");
    const term = await begin(rules(newFile()));
    const turn = term.turn();
    await until(async () => (await world.story()).includes("started execute"));
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
    const term = await begin({ dryRun: true, ...rules(newFile()) });
    for (let n = 0; n < 3; n++) await term.look();
    expect(await world.story()).toEqual(["decided dry_run"]);
    world.switches.up("broker");
    await term.look();
    world.switches.down("broker");
    await term.look();
    expect(await world.story()).toEqual(["decided dry_run", "decided dry_run"]);
  });
});

describe("the limits outlive a leader", () => {
  test("a cooldown runs on for the next one, from the start of the execution, even when that failed", async () => {
    const file = newFile();
    const rules = onAlert(touch(file, 3));
    const first = await begin(rules);
    await inbox.receive([alertOf("Down", 1)]);
    await first.turn();
    await first.end();
    const second = await begin(rules);
    await inbox.receive([alertOf("Down", 2)]);
    await second.turn();
    expect(await linesIn(file)).toBe(1);
    expect(await world.story()).toEqual(["started execute", "finished error", "decided cooldown"]);
    await world.db.sql`update autoheal_runs set started_at = started_at - interval '61 seconds'`;
    await inbox.receive([alertOf("Down", 3)]);
    await second.turn();
    expect(await linesIn(file)).toBe(2);
  });

  test("so does a cap of executions in an hour", async () => {
    const rules = onAlert({ ...touch(newFile()), maxPerHour: 2, cooldownSeconds: 1 });
    for (let n = 0; n < 3; n++) {
      const term = await begin(rules);
      await inbox.receive([alertOf("Down", n)]);
      await term.turn();
      await world.db.sql`update autoheal_runs set started_at = started_at - interval '5 seconds'`;
    }
    const last = (await world.audit()).at(-1);
    expect(last).toMatchObject({ result: "capped", reason: "it was done 2 times within the hour, and may be 2 times" });
  });

  test("and a breaker, which lets one try through when its time is over, and closes when that helps", async () => {
    const fails = newFile();
    const breaker = { failures: 2, openSeconds: 60 };
    const broken = onAlert({ ...touch(fails, 1), cooldownSeconds: 1, breaker });
    const again = async (rules: object, n: number) => {
      const term = await begin(rules);
      await inbox.receive([alertOf("Down", n)]);
      await term.turn();
      await world.db.sql`update autoheal_runs set started_at = started_at - interval '5 seconds'`;
      return term;
    };
    await again(broken, 1);
    await again(broken, 2);
    const third = await again(broken, 3);
    expect(await linesIn(fails)).toBe(2);
    expect((await world.audit()).at(-1)).toMatchObject({ result: "breaker" });
    expect(await third.metric('autoheal_breaker_open{action="act"}')).toBe(1);
    const over = () => world.db.sql`update autoheal_breakers set open_until = clock_timestamp() - interval '1 second'`;
    await over();
    // One try, which fails, opens it again at once.
    await again(broken, 4);
    await again(broken, 5);
    expect(await linesIn(fails)).toBe(3);
    await over();
    const mended = onAlert({ ...touch(newFile()), cooldownSeconds: 1, breaker });
    await again(mended, 6);
    const [row] = await world.db.sql`select failures, open_until from autoheal_breakers`;
    expect(row).toEqual({ failures: 0, open_until: null });
  });
});

describe("what cannot be written to the audit is not done", () => {
  test("while the database refuses the write, and is done once it takes it", async () => {
    const file = newFile();
    const term = await begin(onAlert(touch(file)));
    await inbox.receive([alertOf("Down")]);
    await world.db.sql`alter table autoheal_audit add constraint full_disk check (phase <> 'started') not valid`;
    await expect(term.turn()).rejects.toThrow("full_disk");
    await expect(term.turn()).rejects.toThrow("full_disk");
    expect(await linesIn(file)).toBe(0);
    expect(await term.metric("autoheal_audit_write_failures_total")).toBe(2);
    const [runs] = await world.db.sql`select count(*)::int as n from autoheal_runs`;
    expect(runs?.n).toBe(0);
    await world.db.sql`alter table autoheal_audit drop constraint full_disk`;
    await term.turn();
    expect(await linesIn(file)).toBe(1);
  });

  test("nor by a leader whose session is gone", async () => {
    const file = newFile();
    const term = await begin(onAlert(touch(file)));
    await inbox.receive([alertOf("Down")]);
    await world.db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'aetherlink-relay' and query not like 'listen%'`;
    await expect(term.turn()).rejects.toThrow();
    expect(await linesIn(file)).toBe(0);
    expect(await world.story()).toEqual([]);
  });

  test("nor by one that slept between writing and doing; the next one ends what it had begun", async () => {
    const file = newFile();
    const rules = onAlert(touch(file));
    let isLost = false;
    const asleep = await begin(rules, {
      assertLeading: () => {
        if (isLost) throw new LeadershipLostError("slept");
      },
    });
    await inbox.receive([alertOf("Down")]);
    isLost = true;
    await expect(asleep.turn()).rejects.toThrow("slept");
    expect(await world.story()).toEqual(["started execute"]);
    const next = await begin(rules);
    await next.turn();
    expect(await linesIn(file)).toBe(0);
    expect((await world.audit()).map(({ phase, result, detail }) => [phase, result, detail])).toEqual([
      ["started", "execute", null],
      ["finished", "error", "one ended or lost the lead before it wrote what came of this"],
    ]);
    expect(await next.metric('autoheal_actions_total{action="act",result="error"}')).toBe(1);
  });

  test("and what was decided about a probe meanwhile is told afterwards", async () => {
    world.switches.down("broker");
    const term = await begin({
      dryRun: true,
      actions: { act: { type: "restart-relay" } },
      rules: [{ probe: "broker", forSeconds: 0, action: "act" }],
    });
    await world.db.sql`alter table autoheal_audit add constraint full_disk check (phase <> 'decided') not valid`;
    await expect(term.turn()).rejects.toThrow("full_disk");
    await world.db.sql`alter table autoheal_audit drop constraint full_disk`;
    await term.turn();
    expect(await world.story()).toEqual(["decided dry_run"]);
  });
});

describe("an action that hangs", () => {
  test("holds up neither the heartbeat nor other actions, is not begun twice, and is ended with the term", async () => {
    const file = newFile();
    const term = await begin({
      actions: {
        hang: { type: "exec", command: ["/bin/sleep", "1000"], timeoutSeconds: 600, dryRun: false, cooldownSeconds: 1 },
        act: touch(file),
      },
      rules: [
        { alert: "Hang", action: "hang" },
        { alert: "Down", action: "act" },
      ],
    });
    await inbox.receive([alertOf("Hang", 1)]);
    await term.leader.turn();
    await world.db.sql`update autoheal_runs set started_at = started_at - interval '60 seconds'`;
    await inbox.receive([alertOf("Hang", 2), alertOf("Down", 3)]);
    await term.leader.turn();
    await until(async () => (await linesIn(file)) === 1);
    const entries = await world.audit();
    expect(entries.find(({ result }) => result === "cooldown")?.reason).toBe("it is being done right now");
    await term.end();
    const last = (await world.audit()).find(({ phase, action }) => phase === "finished" && action === "hang");
    expect(last).toMatchObject({ result: "error", detail: "it was killed: this server stopped or lost the lead" });
  });
});

test("an acknowledged cause is left alone until the acknowledgement ends", async () => {
  const file = newFile();
  const term = await begin(onAlert(touch(file)));
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
  const term = await begin({ actions: {}, rules: [] }, { beatMs: 100 });
  await term.turn();
  const first = await term.metric("autoheal_heartbeat_timestamp_seconds");
  expect(Math.abs(Number(first) - Date.now() / 1_000)).toBeLessThan(60);
  await until(async () => {
    await term.turn();
    return Number(await term.metric("autoheal_heartbeat_timestamp_seconds")) > Number(first);
  });
  const [row] = await world.db.sql`select replica, extract(epoch from beat_at)::float8 as at from autoheal_leader`;
  expect(row?.replica).toBe("one");
  expect(row?.at).toBeCloseTo(Number(await term.metric("autoheal_heartbeat_timestamp_seconds")), 3);
  expect(await term.metric('autoheal_probe_up{probe="broker"}')).toBe(1);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Bun.sleep(10);
}
