import type { Fault } from "../fault.ts";

/** Longer than the relay waits for one batch (src/log/kafka-publisher.ts): it gives that up and sends it again. */
const GIVEN_UP_MS = 35_000;

/** Kafka keeps its connections and answers nothing: for a moment, and in every third run for longer than it is waited for. */
export const freezeBroker: Fault = {
  number: 4,
  name: "broker frozen",
  sentence: "a broker that is frozen and goes on",
  async strike({ world, random, run }) {
    await Bun.sleep(random.between(0, 250));
    world.broker.freeze();
    try {
      await Bun.sleep(run % 3 === 0 ? GIVEN_UP_MS : random.between(2_000, 5_000));
    } finally {
      world.broker.thaw();
    }
  },
};
