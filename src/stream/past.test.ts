import { describe, expect, test } from "bun:test";
import { positionsOf } from "../../test/support/positions.ts";
import { SseReader } from "../../test/support/sse.ts";
import { NO_FILTER } from "./filter.ts";
import { createLog, nextNumber, open, outgoing, seen, settled, startHub } from "./hub.fixture.ts";
import type { Hub, StreamOptions } from "./hub.ts";

describe("filters", () => {
  const typed = (type: string) =>
    outgoing().map((record) => ({ ...record, headers: { ...record.headers, ce_type: type } }));
  const jobs: StreamOptions = { filter: { ...NO_FILTER, types: ["Job*"] } };

  test("hold live, on a resume from the ring and from the log, and after a reset", async () => {
    const log = createLog();
    const hub = await startHub(log, { ring: 50 });
    const start = hub.snapshot(0).lastEventId;
    const live = open(hub, undefined, jobs);
    const expected: number[] = [];
    for (let i = 0; i < 300; i++) {
      if (i % 3 === 0) expected.push(nextNumber());
      await log.publish(typed(i % 3 === 0 ? "JobCreated" : "AccountCreated"));
    }
    await live.until(() => seen(live).length === 100);
    expect(seen(live)).toEqual(expected);
    const fromLog = open(hub, start, jobs);
    await fromLog.until(() => seen(fromLog).length === 100);
    // Of one millisecond any order between partitions is right.
    expect(seen(fromLog).toSorted((a, b) => a - b)).toEqual(expected);
    const fromRing = open(hub, live.events[95]?.id, jobs);
    await fromRing.until(() => seen(fromRing).length === 4);
    expect(seen(fromRing)).toEqual(expected.slice(96));
    const reset = open(hub, "nonsense", jobs);
    await log.publish(typed("JobDeleted"));
    await reset.until(() => seen(reset).includes(nextNumber() - 1));
    expect(seen(reset).every((i) => [...expected, nextNumber() - 1].includes(i))).toBe(true);
    expect(seen(reset).length).toBeGreaterThan(10);
  });

  test("whoever resumes by the position of a heartbeat is sent nothing again that the filter had passed over", async () => {
    const log = createLog();
    const hub = await startHub(log, { heartbeatMs: 20 });
    const reader = open(hub, undefined, { ...jobs, heartbeat: "event" });
    await log.publish(typed("AccountCreated"));
    await settled(hub, log);
    const { lastEventId } = hub.snapshot(0);
    await reader.until(() => reader.lastEventId === lastEventId);
    expect(seen(reader)).toEqual([]);
  });
});

describe("the past", () => {
  const past = (hub: Hub, since: Date | undefined, limit?: number, options: StreamOptions = {}) =>
    new SseReader(hub.open({ kind: "past", since, limit }, { heartbeat: "event", ...options }).body);
  /** Until it says that it is live. */
  const whole = async (reader: SseReader) => {
    await reader.until(() => reader.events.some(({ type, data }) => type === "heartbeat" && JSON.parse(data).live));
    return seen(reader);
  };
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

  /** A log whose clock goes on by a second with each event. */
  const timedLog = () => {
    let seconds = 0;
    return createLog(10_000, () => 1_000 * ++seconds);
  };

  for (const ring of [10, 5_000]) {
    const source = ring === 10 ? "the log" : "the ring";
    test(`is sent from ${source} in the order of time, whole, since a time, or the newest so many; then what comes`, async () => {
      const log = timedLog();
      const hub = await startHub(log, { ring });
      const first = nextNumber();
      for (let i = 0; i < 1_000; i++) await log.publish(outgoing());
      await settled(hub, log);
      const at = (second: number) => new Date(1_000 * second);
      expect(await whole(past(hub, undefined))).toEqual(numbers(first, 1_000));
      expect(await whole(past(hub, at(901)))).toEqual(numbers(first + 900, 100));
      expect(await whole(past(hub, at(901), 7))).toEqual(numbers(first + 993, 7));
      expect(await whole(past(hub, undefined, 600))).toEqual(numbers(first + 400, 600));
      expect(await whole(past(hub, undefined, 9_999))).toEqual(numbers(first, 1_000));
      expect(await whole(past(hub, undefined, 0))).toEqual([]);
      expect(await whole(past(hub, at(5_000)))).toEqual([]);
      const one = past(hub, at(1_000));
      expect(await whole(one)).toEqual([first + 999]);
      await log.publish(outgoing());
      await one.until(() => seen(one).length === 2);
    });
  }

  test("is found however rare what matches is, and can be resumed at every event of it", async () => {
    const log = timedLog();
    const hub = await startHub(log, { ring: 10 });
    const isRare = (i: number) => i % 400 === 17;
    const rare: number[] = [];
    for (let i = 0; i < 4_000; i++) {
      if (isRare(i)) rare.push(nextNumber());
      const records = outgoing(1, 3);
      await log.publish(
        records.map((record) => ({ ...record, value: record.value.replace("}", `,"rare":${isRare(i)}}`) })),
      );
    }
    await settled(hub, log);
    const filter = { ...NO_FILTER, texts: ["true"] };
    const reader = past(hub, undefined, 6, { filter });
    expect(await whole(reader)).toEqual(rare.slice(-6));
    const messages = reader.events.filter(({ type }) => type === "message");
    for (const [i, { id }] of messages.entries()) {
      const resumed = open(hub, id, { filter, heartbeat: "event" });
      expect(await whole(resumed)).toEqual(rare.slice(-6).slice(i + 1));
      await resumed.close();
    }
  });

  test("is the newest of all partitions, also when one is so busy that its part of it lies far back", async () => {
    const log = timedLog();
    const hub = await startHub(log, { ring: 10 });
    const [busy, quiet] = ["key-1", "key-2"];
    const partitions = positionsOf(await log.publish([busy, quiet].map((key) => ({ key, value: null, headers: {} }))));
    expect(partitions[0]?.partition).not.toBe(partitions[1]?.partition);
    const wanted: number[] = [];
    for (let i = 0; i < 3_000; i++) {
      const isWanted = i < 1_000;
      if (isWanted) wanted.push(nextNumber());
      const key = i < 30 ? quiet : busy;
      await log.publish(
        outgoing().map((one) => ({ ...one, key, headers: { ...one.headers, ce_type: isWanted ? "A" : "B" } })),
      );
    }
    await settled(hub, log);
    const filter = { ...NO_FILTER, types: ["A"] };
    expect(await whole(past(hub, undefined, 20, { filter }))).toEqual(wanted.slice(-20));
  });

  test("heartbeats say that a client is not live while it is still sent the past", async () => {
    const log = createLog();
    const hub = await startHub(log, { ring: 10, heartbeatMs: 5 });
    await log.publish(outgoing(5_000));
    await settled(hub, log);
    const client = hub.open({ kind: "past", since: undefined, limit: undefined }, { heartbeat: "event" });
    // The client does not read yet, so it stays behind.
    await Bun.sleep(30);
    const reader = new SseReader(client.body);
    await whole(reader);
    const beats = reader.events.filter(({ type }) => type === "heartbeat").map(({ data }) => JSON.parse(data).live);
    expect(beats[0]).toBe(false);
    expect(beats).toEqual(beats.toSorted((a, b) => Number(a) - Number(b)));
    expect(seen(reader)).toHaveLength(5_000);
  });
});
