/** Our client against @platformatic/kafka: the same messages on the same broker, in turn, each in a process of its own. */

import { Kafka, loadLibrary } from "../../src/kafka/index.ts";
import { runOnce } from "../harness/child.ts";
import { brokers } from "../harness/needs.ts";
import type { Question } from "../harness/question.ts";
import type { KafkaFigures, KafkaMeasure } from "../kafka/client.child.ts";

const MESSAGES = 250_000;

export const kafka: Question = {
  name: "kafka",
  asks: "How fast is our Kafka client, to @platformatic/kafka, and what does it cost at rest?",
  needs: ["kafka"],
  async measure(bench) {
    const messages = bench.size(MESSAGES, 20_000);
    const [topic, withHeaders] = [bench.topic(), bench.topic()];
    const admin = new Kafka({ library: loadLibrary(), "bootstrap.servers": brokers }).admin();
    const spec = { numPartitions: 3, replicationFactor: 1 };
    await admin.createTopics({ topics: [topic, withHeaders].map((name) => ({ topic: name, ...spec })) });
    await admin.close();
    const one =
      (measure: KafkaMeasure, name = topic) =>
      async () => {
        const figures = await runOnce<KafkaFigures>(`${import.meta.dir}/../kafka/client.child.ts`, [
          measure,
          name,
          `${messages}`,
        ]);
        if (figures.cores !== undefined) bench.used(measure, "client", figures.cores, figures.peakMb ?? Number.NaN);
        return figures;
      };
    // The topics have to hold something before they are read; that fills them, and is the warm-up of the broker.
    await one("ours produce")();
    await one("ours produce, 9 headers", withHeaders)();
    const taken = await bench.inTurn(
      {
        "ours produce": one("ours produce"),
        "theirs produce": one("theirs produce"),
        "ours consume": one("ours consume"),
        "theirs consume": one("theirs consume"),
        "ours produce, 9 headers": one("ours produce, 9 headers", withHeaders),
        "ours consume, 9 headers": one("ours consume, 9 headers", withHeaders),
        "ours one at a time": one("ours one at a time"),
      },
      { warmUp: false },
    );
    for (const [way, least] of [
      ["produce", 300_000],
      ["consume", 400_000],
    ] as const) {
      bench.figure({
        what: `${way}, 250 bytes`,
        unit: "messages/s",
        values: taken.of(`ours ${way}`, "rate"),
        bar: { atLeast: least },
      });
      bench.figure({ what: `… @platformatic/kafka`, unit: "messages/s", values: taken.of(`theirs ${way}`, "rate") });
      const values = taken.ratio(`ours ${way}`, `theirs ${way}`, "rate");
      bench.figure({ what: "… ours to theirs", unit: "", values, digits: 2, bar: { atLeast: 1.5 } });
      bench.figure({
        what: "… with nine headers",
        unit: "messages/s",
        values: taken.of(`ours ${way}, 9 headers`, "rate"),
      });
    }
    const alone = (figure: string) => taken.of("ours one at a time", figure);
    bench.figure({
      what: "one at a time, produce → acknowledged, p50",
      unit: "ms",
      values: alone("ackP50"),
      digits: 2,
    });
    bench.figure({
      what: "one at a time, produce → consumed, p50",
      unit: "ms",
      values: alone("p50"),
      digits: 2,
      bar: { atMost: 1.5 },
    });
    bench.figure({
      what: "one at a time, produce → consumed, p99",
      unit: "ms",
      values: alone("p99"),
      digits: 2,
      bar: { atMost: 8 },
    });
    // It takes eleven seconds whatever is measured.
    if (bench.isQuick) return;
    const rest = await one("ours at rest")();
    const at = (what: string, unit: string, value: number | undefined, most: number) =>
      bench.figure({ what, unit, values: [value ?? Number.NaN], digits: 2, bar: { atMost: most } });
    at("CPU at rest, producer and consumer open", "% of a core", rest.restPercent, 1);
    at("memory added at rest", "MB", rest.restMb, 30);
    at("memory added at 1,000 messages/s", "MB", rest.busyMb, 30);
  },
};
