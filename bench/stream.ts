/**
 * What the stream carries: `bun bench/stream.ts [--quick] [fan-out] [quiet] [many]`. Server and clients are processes of their own on the same
 * machine. Prints a Markdown table and, when it was all of it and not quick,
 * keeps it in stream.md.
 */
import { cpus, loadavg, totalmem } from "node:os";
import { Child } from "./stream/child.ts";
import type { LoadAnswer, LoadQuestion } from "./stream/load.ts";
import type { ServerAnswer, ServerQuestion } from "./stream/server.ts";

const isQuick = Bun.argv.includes("--quick");
const SECONDS = isQuick ? 3 : 4;
/** Times that each is measured; the one with the median p99 counts, for a machine is seldom ours alone. */
const ROUNDS = isQuick ? 1 : 3;
const CLIENTS = 1_000;
/** Offered events a second for the first bar: 600,000 deliveries. */
const RATES = isQuick ? [620] : [620, 800, 1_000];
const MANY = isQuick ? 2_000 : 10_000;

interface Row {
  readonly what: string;
  readonly measured: string;
  readonly bar: string;
}
const atStart = loadavg()[0]?.toFixed(1);
const rows: Row[] = [];
const note = (what: string, measured: string, bar = "") => {
  rows.push({ what, measured, bar });
  process.stdout.write(`${what}: ${measured}${bar === "" ? "" : ` (bar: ${bar})`}\n`);
};

/** A server with its clients. */
class World {
  readonly server: Child<ServerQuestion, ServerAnswer>;
  readonly load = new Child<LoadQuestion, LoadAnswer>("load.ts");
  #port = 0;

  constructor(kind: "ours" | "hono") {
    this.server = new Child("server.ts", [kind]);
  }

  async open(clients: number, sampled: number): Promise<void> {
    this.#port = (await this.server.ask({ ask: "port" })).value;
    await this.load.ask({ ask: "open", port: this.#port, clients, sampled });
  }

  async addStuck(): Promise<void> {
    await this.load.ask({ ask: "stuck", port: this.#port });
  }

  /** The median of some rounds by p99. */
  async run(rate: number): Promise<Figures> {
    const rounds: Figures[] = [];
    while (rounds.length < ROUNDS) rounds.push(await this.#round(rate, SECONDS));
    const sorted = rounds.toSorted((a, b) => a.p99 - b.p99);
    const median = sorted[Math.floor(sorted.length / 2)];
    if (median === undefined) throw new Error("nothing was measured");
    return median;
  }

  /** Publishes for a while; the figures are those of all that arrived. */
  async #round(rate: number, seconds: number): Promise<Figures> {
    await this.server.ask({ ask: "publish", rate, ms: 1_000 });
    await Bun.sleep(500);
    await this.load.ask({ ask: "start" });
    const cpu = await this.server.cpuSeconds();
    const { value: events, clients } = await this.server.ask({ ask: "publish", rate, ms: seconds * 1_000 });
    const answer = await this.load.ask({ ask: "result" });
    const frameBytes = answer.sampledBytes / answer.frames;
    const deliveries = Math.round(answer.bytes / frameBytes / answer.seconds);
    const cores = ((await this.server.cpuSeconds()) - cpu) / seconds;
    return { ...answer, events, clients, deliveries, cores, frameBytes };
  }

  async stop(): Promise<void> {
    await Promise.all([this.load.stop(), this.server.stop()]);
  }
}

interface Figures extends LoadAnswer {
  readonly events: number;
  readonly clients: number;
  readonly deliveries: number;
  readonly cores: number;
  readonly frameBytes: number;
}

const ms = (value: number) => `${value.toFixed(1)} ms`;
const show = (f: Figures) =>
  `${f.deliveries.toLocaleString("en")}/s, p50 ${ms(f.p50)}, p99 ${ms(f.p99)}, ${f.cores.toFixed(2)} cores` +
  (f.lost > 0 ? `, ${f.lost} connections lost` : "");

async function fanOut(): Promise<void> {
  const hono = new World("hono");
  await hono.open(CLIENTS, 20);
  const yardstick = await hono.run(0);
  await hono.stop();
  note("Hono's streamSSE, 1,000 clients, as fast as it can", show(yardstick));
  const world = new World("ours");
  await world.open(CLIENTS, 20);
  let best = 0;
  for (const rate of RATES) {
    const figures = await world.run(rate);
    best = Math.max(best, figures.deliveries);
    const frame = `frames of ${Math.round(figures.frameBytes)} bytes`;
    note(`1,000 clients, ${rate} events/s offered, ${frame}`, show(figures), "≥ 600,000/s, p99 < 30 ms");
  }
  note("… against streamSSE in this run", `${(best / yardstick.deliveries).toFixed(1)}×`, "≥ 5×");
  await world.stop();
}

async function quiet(): Promise<void> {
  const world = new World("ours");
  await world.open(CLIENTS, 5);
  const calm = await world.run(50);
  note("50 events/s × 1,000 clients, publish → client", show(calm), "p99 < 14 ms");
  const before = await world.run(200);
  await world.addStuck();
  const stuck = await world.run(200);
  const after = await world.run(200);
  const change = (100 * (stuck.p99 - (before.p99 + after.p99) / 2)) / ((before.p99 + after.p99) / 2);
  note(
    "200 events/s × 1,000 clients",
    `p99 ${ms(before.p99)}; again, after the stuck one was cut off, ${ms(after.p99)}`,
  );
  note("… and one that does not read", `p99 ${ms(stuck.p99)}, ${change.toFixed(0)} %`, "< 10 % more");
  await world.stop();
}

async function many(): Promise<void> {
  const world = new World("ours");
  await world.open(100, 100);
  const { value: before } = await world.server.ask({ ask: "memory" });
  await world.open(MANY - 100, 50);
  const { value: after, clients } = await world.server.ask({ ask: "memory" });
  note(
    `memory an idle client, ${clients.toLocaleString("en")} connected`,
    `${((after - before) / 1_024 / (MANY - 100)).toFixed(1)} KB`,
    "< 16 KB",
  );
  const served = await world.run(10);
  note(`${clients.toLocaleString("en")} clients, 10 events/s`, show(served), "connected and served");
  await world.stop();
}

const PARTS = { "fan-out": fanOut, quiet, many };
const asked = Object.entries(PARTS).filter(([name]) => Bun.argv.includes(name));
for (const [, part] of asked.length > 0 ? asked : Object.entries(PARTS)) await part();

const machine = `${cpus().length} cores (${cpus()[0]?.model.split(" ").slice(0, 2).join(" ")}), ${Math.round(totalmem() / 2 ** 30)} GiB, Bun ${Bun.version}`;
const table = [
  "# The stream under load",
  "",
  `\`bun bench/stream.ts\`, median of ${ROUNDS} rounds of ${SECONDS} s each, ${new Date().toISOString().slice(0, 10)}, ${machine}, load average ${atStart} before and ${loadavg()[0]?.toFixed(1)} after (other work on the machine is in p99). Server and clients share the cores.`,
  "",
  "| what | measured | bar |",
  "| --- | --- | --- |",
  ...rows.map(({ what, measured, bar }) => `| ${what} | ${measured} | ${bar} |`),
  "",
].join("\n");
process.stdout.write(`\n${table}`);
if (!isQuick && asked.length === 0) await Bun.write(`${import.meta.dir}/stream.md`, table);
