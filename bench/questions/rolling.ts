/**
 * A rolling restart of two replicas, compiled, behind nginx: 500 writes a second and 200 open streams, half of them through a
 * proxy that keeps its connections to the servers and half through one that does not.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinary } from "../../src/binary/build.ts";
import { rollingRestart } from "../../test/rolling/run.ts";
import { brokers } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import { quantile } from "../harness/stats.ts";

const PER_SECOND = 500;
const STREAMS = 200;
const ROUNDS = 3;

export const rolling: Question = {
  name: "rolling",
  asks: "Does a rolling restart behind nginx fail a write or break a stream?",
  needs: ["kafka", "nginx"],
  inQuick: false,
  async measure(bench) {
    const file = join(await mkdtemp(join(tmpdir(), "aetherlink-bench-")), "aetherlink");
    await buildBinary({ outfile: file, postgres: false });
    const { url } = await (await bench.database()).create();
    const round = async () => {
      const { writes, failures, faults, seen, latencies, stops, reconnects } = await rollingRestart({
        env: { DATABASE_URL: url, KAFKA_BROKERS: brokers, KAFKA_TOPIC: bench.topic() },
        command: [file, "serve"],
        rate: PER_SECOND,
        streams: STREAMS,
        aroundMs: 3_000,
      });
      for (const line of [...failures, ...faults].slice(0, 3)) bench.say(line);
      return {
        writes,
        failed: failures.length,
        broken: seen.filter((count) => count !== writes - failures.length).length + faults.length,
        reconnects: reconnects.reduce((sum, count) => sum + count, 0),
        p99: quantile(latencies, 0.99),
        stopMs: Math.max(...stops),
      };
    };
    const taken = await bench.inTurn({ restart: round }, { warmUp: false, rounds: ROUNDS });
    const of = (figure: string) => taken.of("restart", figure);
    const sum = (figure: string) => of(figure).reduce((a, b) => a + b, 0);
    bench.figure({ what: `writes while both servers were restarted, ${PER_SECOND}/s`, unit: "", values: of("writes") });
    bench.figure({ what: "writes that failed, all rounds", unit: "", values: [sum("failed")], bar: { atMost: 0 } });
    bench.figure({
      what: `streams of ${STREAMS} with a gap, a repeat or a fault, all rounds`,
      unit: "",
      values: [sum("broken")],
      bar: { atMost: 0 },
    });
    bench.figure({ what: "streams that came back", unit: "", values: of("reconnects") });
    bench.figure({ what: "write, p99", unit: "ms", values: of("p99") });
    bench.figure({ what: "the longest stop of a server", unit: "ms", values: of("stopMs") });
  },
};
