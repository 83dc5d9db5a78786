/** Replicas as processes that are frozen and killed: the other one leads, and nothing is done twice. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { AlertInbox } from "../../src/autoheal/alerts.ts";
import { alertOf, linesIn, onAlert, touch, World } from "../../src/autoheal/autoheal.fixture.ts";
import { readLeader } from "../../src/autoheal/heartbeat.ts";
import { until } from "../support/wait.ts";

let world: World;
let inbox: AlertInbox;
let file: string;
const children = new Map<string, Bun.Subprocess>();
beforeEach(async () => {
  world = await World.open();
  file = world.newFile();
  inbox = new AlertInbox(
    world.sql,
    () => 30,
    () => {},
  );
  await Bun.write(
    join(world.folder, "autoheal.json"),
    JSON.stringify(onAlert({ ...touch(file), cooldownSeconds: 600 })),
  );
}, 30_000);
afterEach(async () => {
  for (const child of children.values()) {
    child.kill("SIGKILL");
    await child.exited;
  }
  children.clear();
  await world.stop();
});

const spawn = (name: string) => {
  const command = [
    process.execPath,
    join(import.meta.dir, "replica.child.ts"),
    world.db.url,
    join(world.folder, "autoheal.json"),
    name,
  ];
  children.set(name, Bun.spawn(command, { stdio: ["ignore", "ignore", "inherit"] }));
};
const leads = (name: string) =>
  until(`${name} leads`, 20_000, async () => {
    const leader = await readLeader(world.sql);
    return leader?.replica === name && leader.ageSeconds < 1;
  });
const decided = (result: string, count: number) =>
  until(`${count} × ${result}`, 10_000, async () => {
    return (await world.audit()).filter((entry) => entry.result === result).length === count;
  });

test("a leader that is frozen loses the lead, and does nothing with what it held when it wakes", async () => {
  spawn("one");
  await leads("one");
  spawn("two");
  await inbox.receive([alertOf("Down", 1)]);
  await decided("executed", 1);
  children.get("one")?.kill("SIGSTOP");
  await leads("two");
  await inbox.receive([alertOf("Down", 2)]);
  await decided("cooldown", 1);
  children.get("one")?.kill("SIGCONT");
  await inbox.receive([alertOf("Down", 3)]);
  await decided("cooldown", 2);
  await leads("two");
  expect(await linesIn(file)).toBe(1);
  const decisions = (await world.audit()).map(({ replica, result }) => `${replica} ${result}`);
  expect(decisions).toEqual(["one execute", "one executed", "two cooldown", "two cooldown"]);
}, 60_000);

test("a leader that is killed in the middle of an action leaves it to the other to say so", async () => {
  const slow = { type: "exec", command: ["/bin/sh", "-c", 'echo $$ >> "$0"; exec sleep 60', file], dryRun: false };
  await Bun.write(join(world.folder, "autoheal.json"), JSON.stringify(onAlert({ ...slow, timeoutSeconds: 60 })));
  spawn("one");
  await leads("one");
  spawn("two");
  await inbox.receive([alertOf("Down", 1)]);
  await until("it is being done", 10_000, async () => (await linesIn(file)) === 1);
  children.get("one")?.kill("SIGKILL");
  await leads("two");
  await decided("error", 1);
  await inbox.receive([alertOf("Down", 2)]);
  await decided("cooldown", 1);
  expect(await linesIn(file)).toBe(1);
  // Nobody is left who would end it.
  process.kill(Number(await Bun.file(file).text()), "SIGKILL");
}, 60_000);
