import type { Fault } from "../fault.ts";

/** The process that leads is gone from one instruction to the next, whatever it was doing. */
export const killLeader: Fault = {
  number: 1,
  name: "kill -9 of the leader",
  sentence: "kill -9 of the leader at a random moment",
  times: (rounds) => (rounds === 1 ? 3 : Math.max(30, rounds)),
  async strike({ world, random }) {
    const leader = await world.leader();
    await Bun.sleep(random.between(0, 250));
    await leader.kill();
    // The standby has the lead before the killed one is back.
    await world.leader();
    await leader.start();
  },
};
