/**
 * Draining a backlog on real PostgreSQL and a real broker: by the relay alone, and by a whole server whose hub reads along.
 * PostgreSQL keeps its default durability; broker and database share the machine with what is measured.
 */
import { runOnce } from "../harness/child.ts";
import { brokers } from "../harness/needs.ts";
import { memoryMb } from "../harness/proc.ts";
import type { Question } from "../harness/question.ts";
import { drained, environment, fill } from "../relay/outbox.ts";

const BACKLOG = 200_000;

export const relay: Question = {
  name: "relay",
  asks: "How fast does the relay publish a backlog to Kafka, to a producer that does nothing else?",
  needs: ["kafka"],
  async measure(bench) {
    const events = bench.size(BACKLOG, 20_000);
    const database = await bench.database();
    const { url, sql } = await database.create();
    const refill = async (expired = 0) => {
      await sql`truncate outbox_events`;
      if (expired > 0) await fill(sql, { events: expired, arePublished: true, hoursAgo: 48, vacuum: false });
      await fill(sql, { events });
    };
    const child = (name: string) =>
      runOnce<Record<string, number>>(
        `${import.meta.dir}/../relay/${name}.child.ts`,
        [`${events}`],
        environment(url, brokers, bench.topic()),
      );
    const expired = async () => {
      const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from outbox_events where published_at < now() - interval '24 hours'`;
      return row?.n ?? 0;
    };
    const whole = async (during: string, more: Record<string, string>) => {
      const server = await bench.server({ ...environment(url, brokers, bench.topic()), ...more });
      const done = bench.watch(during, { server: server.process.pid, PostgreSQL: database.pid });
      await server.until((output) => output.includes("relay leads"));
      const before = await expired();
      const began = performance.now();
      await drained(sql);
      const seconds = (performance.now() - began) / 1_000;
      const deleted = before - (await expired());
      done();
      const { peak } = memoryMb(server.process.pid);
      await server.stop();
      return { perSecond: events / seconds, peakMb: peak, deletedPerSecond: deleted / seconds };
    };
    const taken = await bench.inTurn({
      producer: () => child("produce"),
      relay: async () => {
        await refill();
        const done = bench.watch("drain by the relay alone", { PostgreSQL: database.pid });
        const figures = await child("drain");
        const { PostgreSQL } = done();
        bench.used("drain by the relay alone", "relay", figures.cores ?? Number.NaN, figures.peakMb ?? Number.NaN);
        return { ...figures, databaseMicros: (PostgreSQL * 1e6) / events };
      },
      server: async () => {
        await refill();
        return await whole("drain by a whole server", {});
      },
      retention: async () => {
        await refill(events);
        return await whole("drain by a whole server that deletes", { OUTBOX_RETENTION_HOURS: "24" });
      },
    });
    const count = events.toLocaleString("en");
    bench.figure({
      what: `drain of ${count} events with all headers, relay alone`,
      unit: "events/s",
      values: taken.of("relay", "perSecond"),
      bar: { atLeast: 60_000 },
      why: "32 µs of processor time for an event, 12 of the relay, 16 of PostgreSQL and 4 of the broker: 60,000/s would take both cores whole. docs/performance.md has a cycle.",
    });
    bench.figure({
      what: "… by a whole server, its hub reading along",
      unit: "events/s",
      values: taken.of("server", "perSecond"),
    });
    bench.figure({
      what: "… while it deletes as many events whose retention is over",
      unit: "events/s",
      values: taken.of("retention", "perSecond"),
    });
    bench.figure({
      what: "… to the drain without; both share PostgreSQL and two cores",
      unit: "",
      values: taken.ratio("retention", "server", "perSecond"),
      digits: 2,
    });
    bench.figure({ what: "… deleted meanwhile", unit: "events/s", values: taken.of("retention", "deletedPerSecond") });
    bench.figure({
      what: "yardstick: the same records handed to our producer, no database",
      unit: "events/s",
      values: taken.of("producer", "perSecond"),
    });
    bench.figure({
      what: "relay to yardstick",
      unit: "",
      values: taken.ratio("relay", "producer", "perSecond"),
      digits: 2,
    });
    bench.figure({
      what: "CPU for one event: the relay's process",
      unit: "µs",
      values: taken.of("relay", "cpuMicros"),
      digits: 1,
    });
    bench.figure({
      what: "CPU for one event: PostgreSQL, the start of the relay's process in its time",
      unit: "µs",
      values: taken.of("relay", "databaseMicros"),
      digits: 1,
    });
    bench.figure({
      what: "peak memory of the relay's process",
      unit: "MB",
      values: taken.of("relay", "peakMb"),
      bar: { atMost: 150 },
      why: "Two batches of 1,000 with their records are in memory at once, in the runtime and in librdkafka.",
    });
    bench.figure({ what: "peak memory of the server", unit: "MB", values: taken.of("server", "peakMb") });
  },
};
