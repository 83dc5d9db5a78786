import type { Fault } from "../fault.ts";

/** Kafka keeps its connections and answers nothing. */
export const freezeBroker: Fault = {
  number: 4,
  name: "broker frozen",
  sentence: "a broker that is frozen and goes on",
  async strike({ world, random }) {
    await Bun.sleep(random.between(0, 250));
    world.broker.freeze();
    try {
      await Bun.sleep(random.between(2_000, 5_000));
    } finally {
      world.broker.thaw();
    }
  },
};
