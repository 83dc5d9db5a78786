/** How the cost of one event grows with the clients that it goes to, from 100 to 10,000. */
import type { Question } from "../harness/question.ts";
import { exponent, median } from "../harness/stats.ts";
import { World } from "../stream/world.ts";

const CLIENTS = [100, 1_000, 10_000];
const QUICK_CLIENTS = [20, 200, 1_000];
/** Events a second; with 10,000 clients 200,000 deliveries. */
const RATE = 20;
const WINDOW_S = 3;

export const clients: Question = {
  name: "clients",
  asks: "How does the cost of an event grow with the clients of the stream, from 1× to 100×?",
  needs: [],
  async measure(bench) {
    const sizes = bench.isQuick ? QUICK_CLIENTS : CLIENTS;
    const worlds: [size: number, name: string, world: World][] = [];
    for (const size of sizes) {
      const name = `${size.toLocaleString("en")} clients`;
      const world = await World.start(bench, "ours", name);
      await world.open(size, Math.max(1, size / 20));
      worlds.push([size, name, world]);
    }
    const measures = worlds.map(([, name, world]) => [name, () => world.round(RATE, bench.seconds(WINDOW_S))] as const);
    const taken = await bench.inTurn<string>(Object.fromEntries(measures));
    for (const [, name] of worlds) {
      bench.figure({ what: `CPU for one event to ${name}`, unit: "µs", values: taken.of(name, "eventMicros") });
      bench.figure({ what: "… for one delivery", unit: "µs", values: taken.of(name, "serverMicros"), digits: 2 });
    }
    const { slope } = exponent(worlds.map(([size, name]) => [size, median(taken.of(name, "eventMicros"))] as const));
    bench.figure({
      what: "exponent of the growth with clients",
      unit: "",
      values: [slope],
      digits: 3,
      bar: { atMost: 1.05 },
    });
  },
};
