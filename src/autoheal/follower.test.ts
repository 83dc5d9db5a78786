import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { realAmbient } from "../ambient.ts";
import { type AuditEntry, type NewEntry, writeEntry } from "./audit.ts";
import { silent, World } from "./autoheal.fixture.ts";
import { Follower } from "./follower.ts";

let world: World;
const followers: Follower[] = [];
let arrived: AuditEntry[] = [];
let clock = 0;
beforeAll(async () => {
  world = await World.open();
});
beforeEach(async () => {
  await world.db.sql`truncate autoheal_audit`;
  arrived = [];
  clock = 0;
});
afterEach(async () => {
  for (const follower of followers.splice(0)) await follower.stop();
});
afterAll(() => world.stop());

/** On a replica called two, and past its first look. */
const follow = async () => {
  const follower = new Follower({
    sql: world.sql,
    logger: silent,
    ambient: { ...realAmbient, now: () => new Date(Date.now() + clock) },
    parts: world.parts,
    replica: "two",
    arrived: (entries) => arrived.push(...entries),
    audited: (write) => write,
    lookMs: 20,
  });
  followers.push(follower);
  follower.start();
  const id = await write({ reason: "first" });
  // What is written before its first look is history to it.
  while (!arrived.some(({ decisionId }) => decisionId === id)) {
    await write({ reason: "again", decisionId: id });
    await Bun.sleep(20);
  }
  arrived.length = 0;
};
const write = async (more: Partial<NewEntry>): Promise<string> => {
  const decisionId = more.decisionId ?? Bun.randomUUIDv7();
  await writeEntry(world.sql, {
    decisionId,
    phase: "decided",
    replica: "one",
    actor: "probe",
    cause: "probe relay",
    action: "act",
    target: "",
    result: "execute",
    reason: "",
    input: {},
    ...more,
  });
  return decisionId;
};
const heard = async (decisionId: string) => {
  while (!arrived.some((entry) => entry.decisionId === decisionId)) await Bun.sleep(5);
};

describe("a replica that does not lead", () => {
  test("does its own part of what the leader began for all, and writes that down", async () => {
    await follow();
    const decisionId = await write({ phase: "started", input: { type: "restart-consumer" } });
    while (!arrived.some(({ phase }) => phase === "replica")) await Bun.sleep(5);
    const entries = (await world.audit()).filter((entry) => entry.decisionId === decisionId);
    expect(entries.map(({ phase, replica, result, detail }) => [phase, replica, result, detail])).toEqual([
      ["started", "one", "execute", null],
      ["replica", "two", "executed", "the stream's reader began anew"],
    ]);
    expect(entries[1]?.durationMs).toBeGreaterThanOrEqual(0);
  });

  test.each<[string, Partial<NewEntry>, number]>([
    ["its own", { replica: "two", input: { type: "restart-relay" } }, 0],
    ["what only one does", { input: { type: "exec" } }, 0],
    ["what it does not know", { input: { type: "melt" } }, 0],
    ["what was begun long ago", { input: { type: "restart-relay" } }, 31_000],
  ])("does nothing about %s", async (_, more, aheadMs) => {
    await follow();
    clock = aheadMs;
    await write({ phase: "started", ...more });
    await heard(await write({ reason: "last" }));
    expect((await world.audit()).filter(({ phase }) => phase === "replica")).toEqual([]);
  });

  test("hears nothing of what was before it came, however recent", async () => {
    for (let n = 0; n < 5; n++) await write({ phase: "started", reason: "history", input: { type: "restart-relay" } });
    await follow();
    await heard(await write({ reason: "new" }));
    await heard(await write({ reason: "newer" }));
    expect(arrived.map(({ reason }) => reason).filter((reason) => reason !== "again")).toEqual(["new", "newer"]);
    expect((await world.audit()).filter(({ phase }) => phase === "replica")).toEqual([]);
  });

  test("hears each entry once, also one that commits after others with a higher id", async () => {
    await follow();
    const late = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow = world.db.sql.begin(async (tx) => {
      await tx`
        insert into autoheal_audit (decision_id, phase, replica, actor, cause, result, reason, input)
        values (gen_random_uuid(), 'decided', 'one', 'probe', 'probe relay', 'cooldown', 'slow', '{}')`;
      begun.resolve();
      await late.promise;
    });
    await begun.promise;
    await heard(await write({ reason: "fast" }));
    late.resolve();
    await slow;
    await heard(await write({ reason: "last" }));
    expect(arrived.map(({ reason }) => reason).toSorted()).toEqual(["fast", "last", "slow"]);
  });
});
