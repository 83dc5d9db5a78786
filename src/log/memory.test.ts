import { describe, expect, test } from "bun:test";
import { positionsOf } from "../../test/support/positions.ts";
import { type LogRecord, OffsetOutOfRangeError } from "./log.ts";
import { MemoryLog } from "./memory.ts";
import type { OffsetVector } from "./vector.ts";

const BEGINNING: OffsetVector = new Map();

const createLog = (capacity = 10_000, partitions = 3) =>
  new MemoryLog({ topic: "test", partitions, capacity, now: () => 1_000 });

const outgoing = (key: string, value = key) => ({ key, value, headers: {} });

/** Reads until `count` records came. */
async function take(log: MemoryLog, from: OffsetVector, count: number): Promise<LogRecord[]> {
  const stop = new AbortController();
  const records: LogRecord[] = [];
  for await (const batch of log.read(from, stop.signal)) {
    records.push(...batch);
    if (records.length >= count) stop.abort();
  }
  return records;
}

describe("the in-process event log", () => {
  test("records of one key keep their order and their partition, with offsets that count up from 0", async () => {
    const log = createLog();
    const positions = positionsOf(await log.publish(["a", "b", "a", "a"].map((key, i) => outgoing(key, String(i)))));
    const own = [0, 2, 3].map((i) => positions[i]);
    expect(new Set(own.map((position) => position?.partition)).size).toBe(1);
    const offsets = own.map((position) => position?.offset ?? -1);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    const records = await take(log, BEGINNING, 4);
    expect(records.filter((record) => record.key === "a").map((record) => record.value)).toEqual(["0", "2", "3"]);
  });

  test("a reader is told once that it reached the end, then given what comes", async () => {
    const log = createLog();
    await log.publish([outgoing("a")]);
    const reader = log.read(BEGINNING, new AbortController().signal)[Symbol.asyncIterator]();
    expect((await reader.next()).value).toHaveLength(1);
    expect((await reader.next()).value).toEqual([]);
    const waiting = reader.next();
    await log.publish([outgoing("b"), outgoing("c")]);
    expect((await waiting).value?.map((record: LogRecord) => record.key)).toEqual(["b", "c"]);
    await reader.return?.(undefined);
  });

  test("a reader that resumes from the vector of what it has seen misses and repeats nothing", async () => {
    const log = createLog();
    await log.publish(Array.from({ length: 100 }, (_, i) => outgoing(`key-${i}`, String(i))));
    const all = await take(log, BEGINNING, 100);
    for (const cut of [0, 1, 37, 99]) {
      const position = new Map<number, number>();
      for (const record of all.slice(0, cut)) position.set(record.partition, record.offset + 1);
      const rest = await take(log, position, 100 - cut);
      expect(rest.map((record) => record.value)).toEqual(all.slice(cut).map((record) => record.value));
    }
  });

  test("an aborted reader that waits ends at once", async () => {
    const stop = new AbortController();
    const reader = createLog().read(BEGINNING, stop.signal)[Symbol.asyncIterator]();
    await reader.next();
    const waiting = reader.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
  });

  test("stopping the log ends its readers and refuses new records", async () => {
    const log = createLog();
    const reader = log.read(BEGINNING, new AbortController().signal)[Symbol.asyncIterator]();
    await reader.next();
    const waiting = reader.next();
    await log.stop();
    expect((await waiting).done).toBe(true);
    expect(await log.publish([outgoing("a")])).toMatchObject([
      { name: "NotPublishedError", message: expect.stringContaining("stopped") },
    ]);
  });

  test("the oldest records are forgotten, and asking for them is an error of its own", async () => {
    const log = createLog(1_000, 1);
    for (let i = 0; i < 20; i++) await log.publish(Array.from({ length: 100 }, () => outgoing("a")));
    const [marks] = await log.watermarks();
    expect(marks?.high).toBe(2_000);
    expect(marks?.low).toBeGreaterThan(0);
    expect(marks?.low).toBeLessThanOrEqual(1_000);
    await expect(take(log, BEGINNING, 1)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
    expect(await take(log, new Map([[0, 1_990]]), 10)).toHaveLength(10);
  });

  test("an offset behind the end is an error of its own", async () => {
    await expect(take(createLog(), new Map([[0, 5]]), 1)).rejects.toBeInstanceOf(OffsetOutOfRangeError);
  });

  test("restored records stand where they stood, and new ones behind all that may have been seen", async () => {
    const log = createLog();
    const restored = [
      { partition: 1, offset: 8, timestamp: 2, key: "b", value: "second", headers: {} },
      { partition: 1, offset: 7, timestamp: 1, key: "b", value: "first", headers: {} },
      { partition: 0, offset: 3, timestamp: 3, key: "c", value: "third", headers: {} },
    ];
    // Of partition 2 nothing is young enough to be put back.
    const nextOffsets = new Map([
      [0, 4],
      [1, 9],
      [2, 50],
    ]);
    log.restore(restored, nextOffsets, 2);
    expect(await log.watermarks()).toEqual([
      { partition: 0, low: 3, high: 6 },
      { partition: 1, low: 7, high: 11 },
      { partition: 2, low: 50, high: 52 },
    ]);
    const from = new Map([
      [0, 3],
      [1, 7],
      [2, 50],
    ]);
    expect((await take(log, from, 3)).map((record) => record.value)).toEqual(["first", "second", "third"]);
    for (const position of positionsOf(await log.publish(["x", "y", "z", "u", "v"].map((key) => outgoing(key))))) {
      expect(position.offset).toBeGreaterThanOrEqual([6, 11, 52][position.partition] ?? 0);
    }
  });
});
