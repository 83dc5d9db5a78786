import { describe, expect, test } from "bun:test";
import { SseReader } from "../../test/support/sse.ts";
import { MemoryLog } from "../log/memory.ts";
import { createLog, keep, nextNumber, open, outgoing, seen, settled, startHub } from "./hub.fixture.ts";
import type { Hub } from "./hub.ts";
import type { Start } from "./start.ts";

describe("bounds", () => {
  test("no more clients read the log at once than there are places, and all are served", async () => {
    let reading = 0;
    let most = 0;
    class CountingLog extends MemoryLog {
      override async *read(...args: Parameters<MemoryLog["read"]>) {
        reading += 1;
        most = Math.max(most, reading);
        try {
          yield* super.read(...args);
        } finally {
          reading -= 1;
        }
      }
    }
    const log = new CountingLog({ topic: "test", partitions: 3, capacity: 10_000, now: Date.now });
    keep(log);
    const hub = await startHub(log, { ring: 10 });
    await log.publish(outgoing(2_000));
    await settled(hub, log);
    const readers = Array.from({ length: 30 }, () => open(hub, "0:0,1:0,2:0"));
    for (const reader of readers) await reader.until(() => seen(reader).length === 2_000);
    expect(most).toBeLessThanOrEqual(1 + 4);
    // The hub itself reads on.
    while (reading > 1) await new Promise((resolve) => setImmediate(resolve));
  });

  const stuckIn = (hub: Hub) => hub.open({ kind: "past", since: undefined, limit: undefined });

  test("clients that ask for the past and do not take it keep nobody else from theirs", async () => {
    const log = createLog();
    const hub = await startHub(log, { ring: 10 });
    await log.publish(outgoing(8_000));
    await settled(hub, log);
    const stuck = Array.from({ length: 4 }, () => stuckIn(hub));
    // They have every place by then.
    await new Promise((resolve) => setImmediate(resolve));
    const reader = open(hub, "0:0,1:0,2:0");
    await reader.until(() => seen(reader).length === 8_000);
    expect(stuck.some((client) => client.isEnded)).toBe(false);
  });

  test("a client that asks for the past and does not take it is cut off in the end", async () => {
    const log = createLog();
    const hub = await startHub(log, { ring: 10, stallMs: 50 });
    await log.publish(outgoing(8_000));
    await settled(hub, log);
    const stuck = stuckIn(hub);
    while (!stuck.isEnded) await Bun.sleep(5);
    expect(stuck.isCutOff).toBe(true);
    expect(hub.clientCount).toBe(0);
  });

  const past = (limit?: number): Start => ({ kind: "past", since: undefined, limit });
  const resume: Start = { kind: "resume", position: new Map([0, 1, 2].map((partition) => [partition, 0])) };
  test.each<[string, number, Start, number]>([
    ["resumes from the ring", 500, resume, 100],
    ["resumes from the log", 10, resume, 100],
    ["asks for all of the past", 10, past(), 100],
    ["asks for the newest of the past", 500, past(80), 80],
    ["asks for more of the past than the ring holds", 10, past(80), 80],
    ["comes with an id that is unknown", 500, { kind: "unknown" }, 100],
  ])(
    "a client that %s is sent all of it, though that weighs more than may wait for it",
    async (_, ring, start, count) => {
      // Each event at a time of its own: "the newest" are else any of those with the same.
      let time = Date.now() - 1_000;
      const log = createLog(10_000, () => ++time);
      const hub = await startHub(log, { ring, bufferBytes: 262_144 });
      // The largest that an event of ours can be.
      const padding = "x".repeat(70_000);
      const records = outgoing(100).map((record) => ({
        ...record,
        value: JSON.stringify({ ...JSON.parse(record.value), padding }),
      }));
      const last = nextNumber() - 1;
      for (const record of records) await log.publish([record]);
      await settled(hub, log);
      const client = hub.open(start);
      // It takes nothing before others have had their turns.
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      const reader = new SseReader(client.body);
      await reader.until(() => seen(reader).length === count);
      expect(seen(reader).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => last - count + 1 + i),
      );
      expect(client.isEnded).toBe(false);
    },
  );

  test("a stream ends at a random point between 80 and 100 % of its greatest age", async () => {
    for (const [random, least, most] of [
      [0, 80, 95],
      [0.999, 100, 115],
    ] as const) {
      // biome-ignore format: one line
      const hub = await startHub(createLog(), { maxAgeMs: 100, random: () => random });
      const began = performance.now();
      const reader = open(hub);
      await reader.end();
      expect(performance.now() - began).toBeGreaterThanOrEqual(least - 2);
      expect(performance.now() - began).toBeLessThan(most + 200);
    }
  });

  test("a stream ends with the viewer's permission, before its age", async () => {
    const hub = await startHub(createLog(), { maxAgeMs: 60_000 });
    const reader = open(hub, undefined, { viewer: { tenants: "all", until: new Date(Date.now() + 30) } });
    await reader.end();
    expect(hub.clientCount).toBe(0);
  });
});
