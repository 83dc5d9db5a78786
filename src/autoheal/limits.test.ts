import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../../test/support/wait.ts";
import { LeadershipLostError } from "../outbox/index.ts";
import { AlertInbox } from "./alerts.ts";
import { alertOf, linesIn, onAlert, touch, World } from "./autoheal.fixture.ts";

/** What keeps a leader from doing something: limits, an audit that cannot be written, something that is being done. */

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

describe("the limits outlive a leader", () => {
  test("a cooldown runs on for the next one, from the start of the execution, even when that failed", async () => {
    const file = world.newFile();
    const rules = onAlert(touch(file, 3));
    const first = await world.term(rules);
    await inbox.receive([alertOf("Down", 1)]);
    await first.turn();
    await first.end();
    const second = await world.term(rules);
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
    const rules = onAlert({ ...touch(world.newFile()), maxPerHour: 2, cooldownSeconds: 1 });
    for (let n = 0; n < 3; n++) {
      const term = await world.term(rules);
      await inbox.receive([alertOf("Down", n)]);
      await term.turn();
      await world.db.sql`update autoheal_runs set started_at = started_at - interval '5 seconds'`;
    }
    const last = (await world.audit()).at(-1);
    expect(last).toMatchObject({ result: "capped", reason: "it was done 2 times within the hour, and may be 2 times" });
  });

  test("and a breaker, which lets one try through when its time is over, and closes when that helps", async () => {
    const fails = world.newFile();
    const breaker = { failures: 2, openSeconds: 60 };
    const broken = onAlert({ ...touch(fails, 1), cooldownSeconds: 1, breaker });
    const again = async (rules: object, n: number) => {
      const term = await world.term(rules);
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
    const mended = onAlert({ ...touch(world.newFile()), cooldownSeconds: 1, breaker });
    await again(mended, 6);
    const [row] = await world.db.sql`select failures, open_until from autoheal_breakers`;
    expect(row).toEqual({ failures: 0, open_until: null });
  });
});

describe("what cannot be written to the audit is not done", () => {
  test("while the database refuses the write, and is done once it takes it", async () => {
    const file = world.newFile();
    const term = await world.term(onAlert(touch(file)));
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
    const file = world.newFile();
    const term = await world.term(onAlert(touch(file)));
    await inbox.receive([alertOf("Down")]);
    await world.db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'aetherlink-relay' and query not like 'listen%'`;
    await expect(term.turn()).rejects.toThrow();
    expect(await linesIn(file)).toBe(0);
    expect(await world.story()).toEqual([]);
  });

  test("nor by one that slept between writing and doing; the next one ends what it had begun", async () => {
    const file = world.newFile();
    const rules = onAlert(touch(file));
    let isLost = false;
    const asleep = await world.term(rules, {
      assertLeading: () => {
        if (isLost) throw new LeadershipLostError("slept");
      },
    });
    await inbox.receive([alertOf("Down")]);
    isLost = true;
    await expect(asleep.turn()).rejects.toThrow("slept");
    expect(await world.story()).toEqual(["started execute"]);
    const next = await world.term(rules);
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
    const term = await world.term({
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
    const file = world.newFile();
    const term = await world.term({
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
    await until("it is so", 10_000, async () => (await linesIn(file)) === 1);
    const entries = await world.audit();
    expect(entries.find(({ result }) => result === "cooldown")?.reason).toBe("it is being done right now");
    await term.end();
    const last = (await world.audit()).find(({ phase, action }) => phase === "finished" && action === "hang");
    expect(last).toMatchObject({ result: "error", detail: "it was killed: this server stopped or lost the lead" });
  });
});
