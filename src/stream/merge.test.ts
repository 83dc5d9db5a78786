import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogRecord } from "../log/log.ts";
import { mergeByTime } from "./merge.ts";

const records = fc.array(fc.tuple(fc.nat(3), fc.nat(50))).map((pairs) => {
  const next = [0, 0, 0, 0];
  return pairs.map(([partition, timestamp]): LogRecord => {
    const offset = next[partition] ?? 0;
    next[partition] = offset + 1;
    return { topic: "t", partition, offset, timestamp, key: null, value: null, headers: {} };
  });
});

test("merging keeps every record and the order within each partition, even when its clock went back", () => {
  fc.assert(
    fc.property(records, (input) => {
      const merged = mergeByTime(input);
      expect(merged).toHaveLength(input.length);
      for (const own of Map.groupBy(merged, (record) => record.partition).values()) {
        expect(own.map((record) => record.offset)).toEqual(own.map((_, i) => i));
      }
    }),
  );
});

test("partitions whose clocks are right are merged in the order of time", () => {
  fc.assert(
    fc.property(records, (input) => {
      const sorted = [...Map.groupBy(input, (record) => record.partition).values()].flatMap((own) => {
        const times = own.map((record) => record.timestamp).toSorted((a, b) => a - b);
        return own.map((record, i) => ({ ...record, timestamp: times[i] ?? 0 }));
      });
      const times = mergeByTime(sorted).map((record) => record.timestamp);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
  );
});
