import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SseReader } from "../../test/support/sse.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";
import { until } from "../../test/support/wait.ts";
import { openSession } from "../db/session.ts";
import { alertOf, metricOf, World } from "./autoheal.fixture.ts";
import { readLeader } from "./heartbeat.ts";

/** Replicas on one database, each running by itself. */

let world: World;
const stops: (() => Promise<unknown> | undefined)[] = [];
beforeEach(async () => {
  world = await World.open();
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
  await world.stop();
});

const file = () => join(world.folder, "done");
const rules = (more: object = {}) => ({
  actions: {
    act: { type: "exec", command: ["/bin/sh", "-c", 'echo done >> "$0"', file()], dryRun: false, ...more },
  },
  rules: [{ alert: "Down", action: "act" }],
});
const done = async () =>
  (await Bun.file(file()).exists()) ? (await Bun.file(file()).text()).split("\n").length - 1 : 0;
const finished = async () => (await world.story()).filter((entry) => entry.startsWith("finished")).length;
const leads = (state: string) => state === "leading";
/** A replica whose session goes through a network that can be broken. */
const behind = async (replica: string, more: object = {}) => {
  const proxy = new TcpProxy(world.db.url);
  stops.push(async () => proxy.stop());
  const started = await world.start(replica, rules(more), {
    openSession: (events) => openSession(proxy.url, "aetherlink_relay", events, `autoheal-${replica}`),
  });
  return { ...started, proxy };
};

describe("of two replicas", () => {
  test("one leads, and an alert that comes to both leads to one execution", async () => {
    const one = await world.start("one", rules());
    const two = await world.start("two", rules());
    await until("one leads", 5_000, () => [one, two].some(({ autoheal }) => leads(autoheal.state)));
    const receipts = await Promise.all([one, two].map(({ autoheal }) => autoheal.inbox.receive([alertOf("Down")])));
    expect(receipts.map(({ accepted }) => accepted).toSorted()).toEqual([0, 1]);
    await until("it is done", 5_000, async () => (await finished()) === 1);
    // Again, by another alert that asks for the same.
    await two.autoheal.inbox.receive([alertOf("Down", 2)]);
    await until("it is decided on", 5_000, async () => (await world.story()).includes("decided cooldown"));
    expect(await done()).toBe(1);
    expect([one, two].filter(({ autoheal }) => leads(autoheal.state))).toHaveLength(1);
    const gauges = await Promise.all([one, two].map(({ registry }) => metricOf(registry, "autoheal_leader")));
    expect(gauges.toSorted()).toEqual([0, 1]);
  });

  test("the second leads as soon as the first is gone, and knows of its cooldown", async () => {
    const one = await behind("one");
    await until("one leads", 5_000, () => leads(one.autoheal.state));
    const two = await world.start("two", rules());
    await one.autoheal.inbox.receive([alertOf("Down", 1)]);
    await until("it is done", 5_000, async () => (await finished()) === 1);
    one.proxy.refuse();
    one.proxy.reset();
    await until("two leads", 5_000, () => leads(two.autoheal.state));
    await until("two beats", 5_000, async () => (await readLeader(world.sql))?.replica === "two");
    await two.autoheal.inbox.receive([alertOf("Down", 2)]);
    await until("it is decided on", 5_000, async () => (await world.story()).includes("decided cooldown"));
    expect(await done()).toBe(1);
  });

  test("the second leads when the first is cut off without a word, and the first does nothing any more", async () => {
    const one = await behind("one");
    await until("one leads", 5_000, () => leads(one.autoheal.state));
    const two = await world.start("two", rules());
    one.proxy.silence();
    one.proxy.refuse();
    await until("two leads, as the lease is over", 30_000, () => leads(two.autoheal.state));
    await two.autoheal.inbox.receive([alertOf("Down")]);
    await until("it is done", 5_000, async () => (await finished()) === 1);
    await until("one knows", 30_000, () => !leads(one.autoheal.state));
    expect((await world.audit()).every(({ replica }) => replica === "two")).toBe(true);
    expect(await done()).toBe(1);
  }, 90_000);

  test("the second ends in the audit what the first had begun when it was lost, and does not do it again", async () => {
    const slow = { command: ["/bin/sleep", "1000"], timeoutSeconds: 600 };
    const one = await behind("one", slow);
    await until("one leads", 5_000, () => leads(one.autoheal.state));
    await one.autoheal.inbox.receive([alertOf("Down", 1)]);
    await until("it is begun", 5_000, async () => (await world.story()).includes("started execute"));
    const two = await world.start("two", rules(slow));
    one.proxy.refuse();
    one.proxy.reset();
    await until("two leads", 5_000, () => leads(two.autoheal.state));
    await until("it is ended", 5_000, async () => (await finished()) === 1);
    const entry = (await world.audit()).find(({ phase }) => phase === "finished");
    expect(entry?.result).toBe("error");
    expect(entry?.detail).toMatch(/ended or lost the lead|stopped or lost the lead/);
    await two.autoheal.inbox.receive([alertOf("Down", 2)]);
    await until("it is decided on", 5_000, async () => (await world.story()).includes("decided cooldown"));
  });
});

test("with the database away nothing is done, and what came before is done once it is back", async () => {
  const one = await behind("one");
  await until("it leads", 5_000, () => leads(one.autoheal.state));
  one.proxy.refuse();
  one.proxy.reset();
  await until("it knows", 5_000, () => !leads(one.autoheal.state));
  // By way of another replica, whose way to the database is whole.
  await one.autoheal.inbox.receive([alertOf("Down")]);
  await Promise.resolve();
  expect(await world.story()).toEqual([]);
  expect(await done()).toBe(0);
  one.proxy.admit();
  await until("it is done", 15_000, async () => (await finished()) === 1);
  expect(await done()).toBe(1);
}, 30_000);

test("a probe that goes down is acted on within seconds, the rules changed meanwhile included", async () => {
  const { autoheal, file: path } = await world.start("one", { actions: {}, rules: [] });
  await until("it leads", 5_000, () => leads(autoheal.state));
  world.switches.down("broker");
  await Bun.write(path, JSON.stringify({ ...rules(), rules: [{ probe: "broker", forSeconds: 0, action: "act" }] }));
  await autoheal.rules.look();
  await until("it is done", 5_000, async () => (await done()) === 1);
  await Bun.write(path, "{");
  await autoheal.rules.look();
  expect(autoheal.rules.state.source).toBe("last good");
  world.switches.up("broker");
  await until("it is said to have helped", 5_000, async () => (await world.story()).includes("finished executed"));
});

test("whoever watches is told of each entry, whichever replica wrote it", async () => {
  const one = await world.start("one", rules());
  const two = await world.start("two", rules());
  const none = { after: undefined, page: async () => [] };
  const readers = await Promise.all(
    [one, two].map(async ({ autoheal }) => new SseReader((await autoheal.feed.open(none, undefined, () => {})).body)),
  );
  await until("one leads", 5_000, () => [one, two].some(({ autoheal }) => leads(autoheal.state)));
  // A replica follows from the newest entry that it finds when it comes; until both have, what is written is history to one.
  const note = (cause: string) => two.autoheal.acknowledge("anna", { cause, note: "n", minutes: 5 });
  await until("both follow", 20_000, async () => {
    await note("alert First");
    return readers.every(({ events }) => events.length > 0);
  });
  await note("alert Other");
  await one.autoheal.inbox.receive([alertOf("Down")]);
  for (const reader of readers) {
    // Each replica is told of the other's by the database, so what comes first is open.
    const told = () => reader.events.filter(({ data }) => !data.includes("alert First"));
    await reader.until(() => told().length >= 3);
    const results = told().map(({ data }) => JSON.parse(data).result);
    expect(results.toSorted()).toEqual(["acknowledged", "execute", "executed"]);
  }
});

test("start and stop are safe twice, and it can be started again", async () => {
  const { autoheal } = await world.start("one", rules());
  await autoheal.start();
  await until("it leads", 5_000, () => leads(autoheal.state));
  await Promise.all([autoheal.stop(), autoheal.stop()]);
  await autoheal.stop();
  expect(autoheal.state).toBe("stopped");
  await autoheal.start();
  await until("it leads again", 5_000, () => leads(autoheal.state));
});
