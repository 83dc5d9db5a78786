import type { Fault } from "../fault.ts";

/** Longer than the lease of 10 s (src/outbox/lease.ts): the database gives the lead to another. */
const ASLEEP_MS = 12_000;

/** The leader sleeps for longer than any time-out, and wakes up in the belief that it leads. */
export const freezeLeader: Fault = {
  number: 2,
  name: "leader frozen for 12 s",
  sentence: "a leader that sleeps for longer than its lease and wakes up again",
  // A long run has other things to do as well.
  times: (rounds) => Math.min(rounds, 5),
  async strike({ world, random }) {
    const leader = await world.leader();
    await Bun.sleep(random.between(0, 250));
    const woken = performance.now() + ASLEEP_MS;
    leader.freeze();
    try {
      const next = await world.leader();
      if (next === leader) throw new Error("a frozen leader answers");
      await Bun.sleep(woken - performance.now());
    } finally {
      leader.thaw();
    }
  },
};
