/** What a client of the stream feels: latency at rest, beside one that does not read, and among ten thousand. */
import type { Bench } from "../harness/bench.ts";
import type { Question } from "../harness/question.ts";
import { World } from "../stream/world.ts";

const WINDOW_S = 3;
const CLIENTS = 1_000;
const MANY = 10_000;

export const stream: Question = {
  name: "stream",
  asks: "How soon does a client of the stream have an event, and what does an idle one cost?",
  needs: [],
  async measure(bench) {
    await quiet(bench);
    await many(bench);
  },
};

async function quiet(bench: Bench): Promise<void> {
  const seconds = bench.seconds(WINDOW_S);
  const clients = bench.size(CLIENTS, 200);
  const named = clients.toLocaleString("en");
  const [calm, stuck] = [
    await World.start(bench, "ours", `${named} clients`),
    await World.start(bench, "ours", `${named} clients and a stuck one`),
  ];
  for (const world of [calm, stuck]) await world.open(clients, 5);
  const taken = await bench.inTurn({
    calm: () => calm.round(50, seconds),
    busy: () => calm.round(200, seconds),
    stuck: async () => {
      await stuck.addStuck();
      return await stuck.round(200, seconds);
    },
  });
  await Promise.all([calm.stop(), stuck.stop()]);
  const what = `${named} clients, publish → client`;
  bench.figure({
    what: `50 events/s × ${what}, p99`,
    unit: "ms",
    values: taken.of("calm", "p99"),
    digits: 1,
    bar: { atMost: 14 },
  });
  bench.figure({ what: `200 events/s × ${what}, p99`, unit: "ms", values: taken.of("busy", "p99"), digits: 1 });
  const more = taken.ratio("stuck", "busy", "p99").map((ratio) => (ratio - 1) * 100);
  bench.figure({
    what: "… with one more that does not read: p99 is higher by",
    unit: "%",
    values: more,
    bar: { atMost: 10 },
  });
  const cost = taken.ratio("stuck", "busy", "eventMicros").map((ratio) => (ratio - 1) * 100);
  bench.figure({ what: "… CPU for an event is higher by", unit: "%", values: cost });
}

async function many(bench: Bench): Promise<void> {
  const clients = bench.size(MANY, 1_000);
  const world = await World.start(bench, "ours", `${clients.toLocaleString("en")} clients`);
  await world.open(100, 100);
  const before = await world.memoryBytes();
  await world.open(clients - 100, 50);
  const after = await world.memoryBytes();
  const taken = await bench.inTurn({ all: () => world.round(10, bench.seconds(WINDOW_S)) });
  await world.stop();
  const kb = (after - before) / 1_024 / (clients - 100);
  const named = clients.toLocaleString("en");
  bench.figure({
    what: `memory of an idle client, ${named} connected`,
    unit: "KB",
    values: [kb],
    digits: 1,
    bar: { atMost: 16 },
  });
  bench.figure({
    what: `${named} clients, 10 events/s`,
    unit: "deliveries/s",
    values: taken.of("all", "deliveries"),
    bar: { atLeast: 9.5 * clients },
  });
  bench.figure({ what: "… p99", unit: "ms", values: taken.of("all", "p99"), digits: 1 });
  const lost = taken.of("all", "lost").reduce((a, b) => a + b, 0);
  bench.figure({ what: "… connections that were lost", unit: "", values: [lost], bar: { atMost: 0 } });
}
