/**
 * How far each tier carries, reckoned from the costs that the questions before have measured (results.json): what is busy
 * first, when one leader of the relay is too little, and how long events wait for it. docs/scaling.md draws on it.
 */
import type { Question } from "../harness/question.ts";
import { type Results, readResults } from "../harness/results.ts";
import { median } from "../harness/stats.ts";
import { type Costs, type Demand, databaseCoresAtLeaderLimit, leaderLimit, use } from "../scale/model.ts";
import { seeded, simulate } from "../scale/relay-queue.ts";

/** Where each cost is measured. */
const SOURCES: Record<keyof Costs, [question: string, figure: string]> = {
  write: ["writes", "CPU for one POST: the server"],
  databaseWrite: ["writes", "CPU for one POST: PostgreSQL"],
  relay: ["relay", "CPU for one event: the relay's process"],
  databaseRelay: ["relay", "CPU for one event: PostgreSQL"],
  delivery: ["fan-out", "CPU for one delivery: our stream"],
};
const DEMANDS: readonly Demand[] = [
  { writesPerSecond: 1_000, streams: 500, seenShare: 1 },
  { writesPerSecond: 1_000, streams: 10_000, seenShare: 0.01 },
  { writesPerSecond: 5_000, streams: 10_000, seenShare: 0.01 },
  { writesPerSecond: 20_000, streams: 50_000, seenShare: 0.001 },
];
/** Share of a core up to which queues stay short. */
const BUSY = 0.8;
/** Seconds of a batch whatever is in it; a commit's wait for an acknowledgement of Kafka at rest is about that. */
const BATCH_S = 1.5e-3;
const BATCH = 1_000;

export const scale: Question = {
  name: "scale",
  asks: "By the costs that were measured: what does each tier carry, and when is one leader of the relay too little?",
  needs: [],
  inQuick: false,
  async measure(bench) {
    const costs = costsOf(await readResults());
    const limit = leaderLimit(costs, BUSY);
    const databaseCores = databaseCoresAtLeaderLimit(costs, BUSY);
    bench.figure({
      what: `writes a second at which the relay's leader has its core busy for ${100 * BUSY} %`,
      unit: "1/s",
      values: [limit],
    });
    bench.figure({
      what: "cores of PostgreSQL that such writes need, as busy",
      unit: "",
      values: [databaseCores],
      digits: 1,
    });
    const perCore = (micros: number) => (BUSY * 1e6) / micros;
    bench.figure({ what: "writes a second and core of the API", unit: "1/s", values: [perCore(costs.write)] });
    bench.figure({
      what: "writes a second and core of PostgreSQL, relay included",
      unit: "1/s",
      values: [perCore(costs.databaseWrite + costs.databaseRelay)],
    });
    bench.figure({
      what: "deliveries a second and core of the stream",
      unit: "1/s",
      values: [perCore(costs.delivery)],
    });
    bench.note(["Cores that are busy:", "", ...demandTable(costs)].join("\n"));
    bench.note(
      [
        "The relay's queue, simulated, from commit to acknowledgement (ms; a batch costs 1.5 ms and its events):",
        "",
        ...queueTable(costs),
      ].join("\n"),
    );
  },
};

/** @throws when a cost has not been measured yet */
function costsOf(results: Results | undefined): Costs {
  const cost = (name: keyof Costs): number => {
    const [question, what] = SOURCES[name];
    const figures = results?.answers.find((answer) => answer.name === question)?.figures ?? [];
    const figure = figures.find((each) => each.what.startsWith(what));
    if (figure === undefined) throw new Error(`"${what}" is not measured: run bun run bench ${question} first`);
    return median(figure.values);
  };
  return {
    write: cost("write"),
    databaseWrite: cost("databaseWrite"),
    relay: cost("relay"),
    databaseRelay: cost("databaseRelay"),
    delivery: cost("delivery"),
  };
}

function demandTable(costs: Costs): string[] {
  const rows = DEMANDS.map((demand) => {
    const { api, database, relay, stream } = use(costs, demand);
    const asked = [demand.writesPerSecond, demand.streams, demand.seenShare * 100].map((n) => n.toLocaleString("en"));
    return `| ${[...asked, ...[api, database, relay, stream].map((cores) => cores.toFixed(2))].join(" | ")} |`;
  });
  const head =
    "| writes/s | streams | of the events each sees (%) | API | PostgreSQL | relay's leader, of 1 | stream |";
  return [head, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |", ...rows];
}

function queueTable(costs: Costs): string[] {
  const rows = [1_000, 5_000, 10_000, 20_000, 40_000, 80_000].map((perSecond) => {
    const cells = [1, 2, 4].map((leaders) => {
      const queue = {
        perSecond,
        leaders,
        eventS: (costs.relay + costs.databaseRelay) / 1e6,
        batchS: BATCH_S,
        batch: BATCH,
      };
      const { p50, p99, busy, isStable } = simulate(queue, seeded(1));
      return isStable
        ? `${p50.toFixed(1)} / ${p99.toFixed(1)}, ${(100 * busy).toFixed(0)} % busy`
        : "grows without end";
    });
    return `| ${[perSecond.toLocaleString("en"), ...cells].join(" | ")} |`;
  });
  return ["| events/s | 1 leader, p50 / p99 | 2 leaders | 4 leaders |", "| ---: | --- | --- | --- |", ...rows];
}
