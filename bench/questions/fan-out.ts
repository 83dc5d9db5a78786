/** One event to a thousand clients: our stream against Hono's streamSSE and nginx with nchan, and how much the client can take. */
import type { Question } from "../harness/question.ts";
import { median } from "../harness/stats.ts";
import { type Figures, World } from "../stream/world.ts";

const CLIENTS = 1_000;
const WINDOW_S = 3;
/** Every so-manieth client is looked at frame by frame. */
const SAMPLED = 20;
/** Events a second of the bar: 620,000 deliveries. */
const RATE = 620;
/** More than that, to see where the end is. */
const MORE = 1_000;

export const fanOut: Question = {
  name: "fan-out",
  asks: "How many deliveries a second does the stream make, to Hono's streamSSE and to nginx with nchan?",
  needs: ["nginx", "nchan"],
  async measure(bench) {
    const clients = bench.size(CLIENTS, 200);
    const seconds = bench.seconds(WINDOW_S);
    const [ours, hono, nchan] = [
      await World.start(bench, "ours", "our stream"),
      await World.start(bench, "hono", "streamSSE"),
      await World.start(bench, "nchan", "nchan"),
    ];
    for (const world of [ours, hono, nchan]) await world.open(clients, SAMPLED);
    const copier = await World.start(bench, "copier", "ready-made bytes");
    await copier.open(clients, SAMPLED);
    const taken = await bench.inTurn<string>({
      ours: () => ours.round(RATE, seconds),
      "nchan paced": () => nchan.round(RATE, seconds),
      more: () => ours.round(MORE, seconds),
      "nchan more": () => nchan.round(MORE, seconds),
      hono: () => hono.round(0, seconds),
    });
    const reads = Math.max(1, Math.round(median(taken.of("more", "framesARead"))));
    const copied = await bench.inTurn<string>(
      { copier: () => copier.round(0, seconds, reads) },
      { rounds: Math.min(3, bench.rounds) },
    );
    const of = (name: string, figure: keyof Figures) => taken.of(name, figure);
    const offered = `${clients.toLocaleString("en")} clients, ${RATE} events/s offered`;
    const most = { atMost: 30 };
    bench.figure({
      what: `our stream, ${offered}`,
      unit: "deliveries/s",
      values: of("ours", "deliveries"),
      bar: { atLeast: 600_000 },
    });
    bench.figure({ what: "… publish → client, p99", unit: "ms", values: of("ours", "p99"), digits: 1, bar: most });
    bench.figure({
      what: `our stream, ${MORE} events/s offered`,
      unit: "deliveries/s",
      values: of("more", "deliveries"),
    });
    bench.figure({ what: "… p99", unit: "ms", values: of("more", "p99"), digits: 1 });
    bench.figure({
      what: `nchan, ${RATE} events/s offered`,
      unit: "deliveries/s",
      values: of("nchan paced", "deliveries"),
    });
    bench.figure({ what: "… p99", unit: "ms", values: of("nchan paced", "p99"), digits: 1 });
    bench.figure({
      what: `nchan, ${MORE} events/s offered`,
      unit: "deliveries/s",
      values: of("nchan more", "deliveries"),
    });
    bench.figure({ what: "… p99", unit: "ms", values: of("nchan more", "p99"), digits: 1 });
    bench.figure({
      what: "Hono's streamSSE, as fast as it can",
      unit: "deliveries/s",
      values: of("hono", "deliveries"),
    });
    const best = (name: string) => taken.ratio("more", name, "deliveries");
    bench.figure({ what: "our stream to streamSSE", unit: "", values: best("hono"), digits: 1, bar: { atLeast: 5 } });
    bench.figure({ what: "our stream to nchan, both offered that", unit: "", values: best("nchan more"), digits: 2 });
    for (const [name, what] of [
      ["ours", "our stream"],
      ["nchan paced", "nchan, one worker in C"],
      ["hono", "streamSSE"],
    ] as const) {
      bench.figure({ what: `CPU for one delivery: ${what}`, unit: "µs", values: of(name, "serverMicros"), digits: 2 });
    }
    bench.figure({
      what: "the load's client while our stream is at its most",
      unit: "cores of 1",
      values: of("more", "clientCores"),
      digits: 2,
    });
    bench.figure({
      what: `the load's client takes ready-made bytes, ${reads} frames a write`,
      unit: "deliveries/s",
      values: copied.of("copier", "deliveries"),
    });
    bench.note(
      "Whether the load's client is the limit: it is one thread, so it is not while it uses less than one core, and it takes as many of the same frames a second as the last row says from a program that only copies bytes to the sockets.",
    );
  },
};
