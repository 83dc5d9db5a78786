import type { Fault } from "../fault.ts";

/** Kafka is killed with records on their way, and comes back. */
export const killBroker: Fault = {
  number: 3,
  name: "broker killed",
  sentence: "a broker that is killed and started again",
  times: (rounds) => Math.min(rounds, 10),
  async strike({ world, random }) {
    await Bun.sleep(random.between(0, 250));
    await world.broker.kill();
    await Bun.sleep(random.between(200, 1_000));
    await world.broker.start();
  },
};
