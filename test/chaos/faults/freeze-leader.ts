import type { Fault } from "../fault.ts";
import { whilePublishing } from "./kill-leader.ts";

/** Longer than the lease of 10 s (src/outbox/lease.ts): the database gives the lead to another. */
const ASLEEP_MS = 12_000;

/**
 * The leader sleeps for longer than any time-out, and wakes up in the belief that it leads; in every other run with records
 * on their way to a broker that is slow, so that their acknowledgements meet it when another has long sent them again.
 */
export const freezeLeader: Fault = {
  number: 2,
  name: "leader frozen for 12 s",
  sentence: "a leader that sleeps for longer than its lease and wakes up again",
  // A long run has other things to do as well.
  times: (rounds) => Math.min(rounds, 5),
  async strike(scene) {
    const { world, random, run } = scene;
    const leader = await world.leader();
    await Bun.sleep(random.between(0, 250));
    const woken = performance.now() + ASLEEP_MS;
    if (run % 2 === 1) await whilePublishing(scene, () => leader.freeze());
    else leader.freeze();
    try {
      const next = await world.leader();
      if (next === leader) throw new Error("a frozen leader answers");
      await Bun.sleep(woken - performance.now());
    } finally {
      leader.thaw();
    }
  },
};
