/** The compiled binary: its size, time from start to ready, and memory at rest. */
import { chmod, cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinary } from "../../src/binary/build.ts";
import { RunningServer } from "../../test/support/server.ts";
import type { Bench } from "../harness/bench.ts";
import { brokers, missing } from "../harness/needs.ts";
import { cpuSeconds, memoryMb } from "../harness/proc.ts";
import type { Question } from "../harness/question.ts";

const REST_S = 4;

export const binary: Question = {
  name: "binary",
  asks: "How large is the compiled server, how soon is it ready, and what does it need at rest?",
  needs: [],
  inQuick: false,
  async measure(bench) {
    const folder = await newFolder();
    const file = join(folder, "aetherlink");
    const bytes = await buildBinary({ outfile: file, postgres: true });
    const { url } = await (await bench.database()).create();
    const taken = await bench.inTurn<string>({
      "in-process log": () => ready(bench, file, folder, { DATABASE_URL: url }),
      ...(missing("kafka") === undefined
        ? {
            Kafka: () =>
              ready(bench, file, folder, { DATABASE_URL: url, KAFKA_BROKERS: brokers, KAFKA_TOPIC: bench.topic() }),
          }
        : {}),
      "an empty folder": async () => {
        const empty = await newFolder();
        await cp(file, join(empty, "aetherlink"));
        return await ready(bench, join(empty, "aetherlink"), empty, {});
      },
    });
    bench.figure({ what: "size", unit: "MB", values: [bytes / 1e6], digits: 1, bar: { atMost: 150 } });
    for (const log of missing("kafka") === undefined ? ["in-process log", "Kafka"] : ["in-process log"]) {
      bench.figure({
        what: `start → ready, PostgreSQL running, ${log}`,
        unit: "ms",
        values: taken.of(log, "ms"),
        bar: { atMost: 500 },
      });
      bench.figure({
        what: `processor's time until ready, ${log}`,
        unit: "ms",
        values: taken.of(log, "cpuMs"),
      });
      bench.figure({
        what: `memory at rest, ${log}`,
        unit: "MB",
        values: taken.of(log, "restMb"),
        bar: { atMost: 110 },
      });
    }
    bench.figure({
      what: "start → ready in an empty folder, its own PostgreSQL made",
      unit: "ms",
      values: taken.of("an empty folder", "ms"),
    });
  },
};

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aetherlink-bench-"));
  await chmod(folder, 0o755);
  return folder;
}

/** Starts it with nothing of this process's environment but what a question's processes are known by. */
async function ready(
  bench: Bench,
  file: string,
  cwd: string,
  env: Record<string, string>,
): Promise<Record<string, number>> {
  const variables = Object.entries({ PATH: "/nonexistent", PORT: "0", LOG_FORMAT: "json", TMPDIR: tmpdir(), ...env });
  const command = ["/usr/bin/env", "-i", ...variables.map((pair) => pair.join("=")), file];
  const began = performance.now();
  const server = bench.keep(new RunningServer({ command, cwd }));
  await server.ready();
  const ms = performance.now() - began;
  // What it would take were it alone: on a busy machine most of the time is others'.
  const cpuMs = cpuSeconds(server.process.pid) * 1_000;
  await Bun.sleep(bench.seconds(REST_S) * 1_000);
  const { now } = memoryMb(server.process.pid);
  await server.stop();
  return { ms, cpuMs, restMb: now };
}
