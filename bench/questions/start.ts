/** What a newcomer feels: time from `bun run dev` to ready with a new and with a kept data folder, the first event, memory. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunningServer } from "../../test/support/server.ts";
import type { Bench } from "../harness/bench.ts";
import { cpuSeconds, memoryMb, tree } from "../harness/proc.ts";
import type { Question } from "../harness/question.ts";
import { quantile } from "../harness/stats.ts";
import { TENANT } from "../relay/outbox.ts";

const POSTS = 300;
const REST_S = 4;

export const start: Question = {
  name: "start",
  asks: "How soon is a newcomer's server ready, how soon is an event seen, and what does the server need at rest?",
  needs: [],
  async measure(bench) {
    const taken = await bench.inTurn({ start: () => measure(bench) }, { warmUp: false });
    const of = (figure: string) => taken.of("start", figure);
    bench.figure({
      what: "`bun run dev` → ready, new data folder",
      unit: "ms",
      values: of("newMs"),
      bar: { atMost: 8_000 },
    });
    bench.figure({
      what: "`bun run dev` → ready, kept data folder",
      unit: "ms",
      values: of("keptMs"),
      bar: { atMost: 3_000 },
    });
    // The commit lies between sending and the frame, so commit → frame is less.
    bench.figure({
      what: "request sent → SSE frame at rest, p50",
      unit: "ms",
      values: of("sentP50"),
      digits: 2,
      bar: { atMost: 5 },
    });
    bench.figure({ what: "request sent → SSE frame at rest, p99", unit: "ms", values: of("sentP99"), digits: 2 });
    bench.figure({
      what: "201 received → SSE frame, p99",
      unit: "ms",
      values: of("answeredP99"),
      digits: 2,
      bar: { atMost: 100 },
    });
    bench.figure({ what: "memory of the server at rest", unit: "MB", values: of("restMb"), bar: { atMost: 120 } });
    bench.figure({ what: "CPU of the server at rest", unit: "% of a core", values: of("restPercent"), digits: 2 });
  },
};

async function measure(bench: Bench): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
  await chmod(folder, 0o755);
  try {
    const [first, newMs] = await dev(bench, folder);
    const { sent, answered } = await postAndWatch(first, bench.size(POSTS, 50));
    // The process that listens, not the `bun run` around it and not PostgreSQL.
    const pid = tree(first.process.pid)[1] ?? first.process.pid;
    const seconds = bench.seconds(REST_S);
    const before = cpuSeconds(pid);
    await Bun.sleep(seconds * 1_000);
    const restPercent = (100 * (cpuSeconds(pid) - before)) / seconds;
    const restMb = memoryMb(pid).now;
    await first.stop();
    const [second, keptMs] = await dev(bench, folder);
    await second.stop();
    return {
      newMs,
      keptMs,
      sentP50: quantile(sent, 0.5),
      sentP99: quantile(sent, 0.99),
      answeredP99: quantile(answered, 0.99),
      restMb,
      restPercent,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function dev(bench: Bench, folder: string): Promise<[RunningServer, number]> {
  const began = performance.now();
  const env = { DATA_DIR: folder, KAFKA_BROKERS: "" };
  const server = bench.keep(new RunningServer({ command: [process.execPath, "run", "dev"], env }));
  await server.ready();
  return [server, performance.now() - began];
}

/** One POST after the other, each after the frame of the one before; milliseconds, below 0 when the frame was first. */
async function postAndWatch(server: RunningServer, posts: number): Promise<{ sent: number[]; answered: number[] }> {
  const stream = await server.stream();
  const { url } = server;
  const [sent, answered]: [number[], number[]] = [[], []];
  for (let i = 1; i <= posts; i++) {
    const began = performance.now();
    const framed = stream.until((reader) => reader.events.length >= i).then(() => performance.now());
    const told = fetch(`${url}/api/crm/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Tenant-Id": TENANT },
      body: JSON.stringify({ title: `Job ${i}` }),
    }).then(() => performance.now());
    const [frameAt, answerAt] = await Promise.all([framed, told]);
    sent.push(frameAt - began);
    answered.push(frameAt - answerAt);
  }
  await stream.close();
  return { sent, answered };
}
