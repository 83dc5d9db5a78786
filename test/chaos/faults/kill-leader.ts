import { until } from "../../support/wait.ts";
import type { Fault, Scene } from "../fault.ts";

/** Milliseconds after which a leader whose broker or database stands still is sure to wait for it. */
const STALL_MS = 300;

/**
 * The process that leads is gone from one instruction to the next, at a random moment. That hits the instants between
 * publishing and recording too seldom, so two of three kills come while the leader waits: for the broker, where what was
 * marked too early is lost; for the database, where what was published and is not marked comes again.
 */
export const killLeader: Fault = {
  number: 1,
  name: "kill -9 of the leader",
  sentence: "kill -9 of the leader at any moment, also while it publishes or records",
  times: (rounds) => (rounds === 1 ? 3 : Math.max(30, rounds)),
  async strike(scene) {
    const { world, random, run } = scene;
    const leader = await world.leader();
    await Bun.sleep(random.between(0, 250));
    if (run % 3 === 1) await whilePublishing(scene, () => leader.kill());
    else if (run % 3 === 2) await whileRecording(scene, () => leader.kill());
    else await leader.kill();
    // The standby has the lead before the killed one is back.
    await world.leader();
    await leader.start();
  },
};

/** Acts while records of the leader wait for the broker, which has been frozen. */
export async function whilePublishing({ world, random }: Scene, act: () => unknown): Promise<void> {
  world.broker.freeze();
  try {
    const before = await world.database.backlog();
    await until("the outbox fills", 10_000, async () => (await world.database.backlog()) > before + 20);
    await Bun.sleep(random.between(0, STALL_MS));
    await act();
  } finally {
    world.broker.thaw();
  }
}

/** Acts while the leader waits for its database session, whose backend has been frozen. */
async function whileRecording({ world, random }: Scene, act: () => unknown): Promise<void> {
  const backend = await world.database.leaderBackend();
  if (backend === undefined) throw new Error("nobody holds the relay's lock");
  process.kill(backend, "SIGSTOP");
  try {
    await Bun.sleep(random.between(STALL_MS / 2, STALL_MS));
    await act();
  } finally {
    process.kill(backend, "SIGCONT");
  }
}
