import type { Fault } from "../fault.ts";

/** Every connection is ended under load, then the whole PostgreSQL without a good-bye. */
export const restartDatabase: Fault = {
  number: 5,
  name: "PostgreSQL restarted",
  sentence: "PostgreSQL that ends every connection, and is restarted in the middle of transactions",
  async strike({ world, random }) {
    const running = world.nodes.map((node) => node.isRunning);
    if ((await world.database.terminateBackends()) === 0) throw new Error("there was no connection to end");
    await Bun.sleep(random.between(100, 600));
    await world.database.stopImmediately();
    await Bun.sleep(random.between(0, 500));
    await world.database.start();
    if (running.some((was, i) => was && world.nodes[i]?.isRunning !== true)) throw new Error("a server ended with it");
  },
};
