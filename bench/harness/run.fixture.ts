/** Questions that only the harness's own tests ask. */
import type { Question } from "./question.ts";
import { answerQuestion } from "./run.ts";

const measures: Record<string, Question["measure"]> = {
  async answers(bench) {
    bench.figure({ what: "the answer", unit: "", values: [42] });
  },
  async throws(bench) {
    bench.figure({ what: "before it", unit: "", values: [1] });
    throw new Error("the wheel came off");
  },
  async hangs() {
    Bun.spawn(["sleep", "600"]);
    Bun.spawn(["setsid", "sh", "-c", "trap '' TERM QUIT; while :; do sleep 600; done"]);
    await Bun.sleep(600_000);
  },
};

const name = Bun.argv[3] ?? "";
await answerQuestion({ name, asks: "", needs: [], measure: measures[name] ?? (async () => {}) }, true);
