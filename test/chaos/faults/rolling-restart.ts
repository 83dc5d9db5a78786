import { until } from "../../support/wait.ts";
import type { Fault } from "../fault.ts";

/** Both servers are restarted one after the other, as for a new version. */
export const rollingRestart: Fault = {
  number: 10,
  name: "rolling restart",
  sentence: "a rolling restart of both servers under load: a client's retry mends every request that failed",
  async strike({ world }) {
    for (const node of world.nodes) {
      const code = await node.terminate();
      if (code !== 0) throw new Error(`server ${node.name} ended with ${code}:\n${node.lastWords()}`);
      await node.start();
      await until(`server ${node.name} is ready`, 30_000, () => node.isReady());
    }
  },
};
