import { describe, expect, test } from "bun:test";
import type { ReadOptions } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import { covers, formatVector, parseVector } from "../log/vector.ts";
import { createHub, createLog, keep, nextNumber, open, outgoing, seen, settled, startHub } from "./hub.fixture.ts";

describe("the hub", () => {
  test("every client is sent the events that come after it connected, in order", async () => {
    const log = createLog();
    const hub = await startHub(log);
    await log.publish(outgoing(3));
    await settled(hub, log);
    const readers = [open(hub), open(hub)];
    const first = nextNumber();
    await log.publish(outgoing(1));
    await log.publish(outgoing(50));
    for (const reader of readers) {
      await reader.until(() => seen(reader).length >= 51);
      expect(seen(reader)).toEqual(Array.from({ length: 51 }, (_, i) => first + i));
    }
  });

  test("a client that resumes by any id it was given misses and repeats nothing", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const reader = open(hub);
    await log.publish(outgoing(300));
    await reader.until(() => seen(reader).length === 300);
    for (const at of [0, 1, 150, 298, 299]) {
      const resumed = open(hub, reader.events[at]?.id);
      if (at < 299) await resumed.until(() => seen(resumed).length >= 299 - at);
      expect(seen(resumed)).toEqual(seen(reader).slice(at + 1));
      await resumed.close();
    }
  });

  test("a client that is cut off again and again under load sees every event once and in order", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const first = nextNumber();
    const got: number[] = [];
    let lastEventId = formatVector(new Map([0, 1, 2].map((p) => [p, 0])));
    const writing = (async () => {
      for (let i = 0; i < 200; i++) {
        await log.publish(outgoing(1 + (i % 9)));
        if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const total = Array.from({ length: 200 }, (_, i) => 1 + (i % 9)).reduce((sum, n) => sum + n, 0);
    while (got.length < total) {
      const reader = open(hub, lastEventId);
      await reader.until(() => seen(reader).length > 0);
      got.push(...seen(reader));
      lastEventId = reader.lastEventId;
      await reader.close();
    }
    await writing;
    expect(got).toEqual(got.map((_, i) => first + i));
  });

  test("a client whose position has left the ring is brought up from the log", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const first = nextNumber();
    await log.publish(outgoing(3_000));
    const reader = open(hub, "0:0,1:0,2:0");
    await reader.until(() => seen(reader).length >= 3_000);
    expect(new Set(seen(reader)).size).toBe(3_000);
    expect(Math.min(...seen(reader))).toBe(first);
    await log.publish(outgoing(1));
    await reader.until(() => seen(reader).length === 3_001);
  });

  test("a client whose position has left the log is reset and given the newest 500", async () => {
    const log = createLog(1_000);
    const hub = await startHub(log);
    for (let i = 0; i < 30; i++) await log.publish(outgoing(100));
    const reader = open(hub, "0:0,1:0,2:0");
    await reader.until(() => seen(reader).length >= 500);
    expect(reader.events[0]?.type).toBe("reset");
    expect(seen(reader)).toEqual(Array.from({ length: 500 }, (_, i) => nextNumber() - 500 + i));
  });

  test.each(["nonsense", "0:999999,1:0,2:0"])(
    "a client with the id %p, which this log never gave, is reset",
    async (id) => {
      const log = createLog();
      const hub = await startHub(log);
      await log.publish(outgoing(5));
      const reader = open(hub, id);
      await reader.until(() => seen(reader).length === 5);
      expect(reader.events[0]?.type).toBe("reset");
    },
  );

  test("an event that the relay had to send twice is shown once", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const reader = open(hub);
    const batch = outgoing(10);
    await log.publish(batch);
    await log.publish(batch);
    const last = outgoing(1);
    await log.publish(last);
    await reader.until(() => seen(reader).length >= 11);
    expect(seen(reader)).toEqual([...batch, ...last].map((record) => JSON.parse(record.value).i));
  });

  test("a client that resumes from the log between an event and its repeat is not shown the repeat", async () => {
    const log = createLog();
    const hub = await startHub(log, { ring: 10 });
    const first = outgoing(20);
    await log.publish(first);
    await settled(hub, log);
    const position = hub.snapshot(0).lastEventId;
    const between = outgoing(2_000);
    await log.publish(between);
    await log.publish(first);
    const last = outgoing(20);
    await log.publish(last);
    await settled(hub, log);
    const reader = open(hub, position);
    await reader.until(() => seen(reader).length >= 2_020);
    const expected = [...between, ...last].map((record) => JSON.parse(record.value).i);
    expect(seen(reader).toSorted((a, b) => a - b)).toEqual(expected);
  });

  test("a hub that begins between an event and its repeat does not show the repeat", async () => {
    const log = createLog();
    const first = outgoing(20);
    await log.publish(first);
    await log.publish(outgoing(2_000));
    const hub = await startHub(log, { ring: 10 });
    const reader = open(hub);
    await log.publish(first);
    const last = outgoing(1);
    await log.publish(last);
    await reader.until(() => seen(reader).length >= 1);
    expect(seen(reader)).toEqual(last.map((record) => JSON.parse(record.value).i));
  });

  test("a client that does not read is cut off, and the others do not notice", async () => {
    const log = createLog();
    const hub = await startHub(log, { bufferBytes: 65_536 });
    const stuck = hub.open();
    const reader = open(hub);
    for (let i = 0; i < 20; i++) {
      await log.publish(outgoing(100));
      await reader.until(() => seen(reader).length === (i + 1) * 100);
    }
    expect(stuck.isEnded).toBe(true);
    expect(hub.clientCount).toBe(1);
  });

  test("a new hub shows the newest events of the log, as many as its ring holds", async () => {
    const log = createLog();
    await log.publish(outgoing(2_000));
    const hub = await startHub(log);
    const { events, lastEventId, topic } = hub.snapshot(500);
    expect(events).toHaveLength(500);
    expect(topic).toBe("test");
    const reader = open(hub, lastEventId);
    const first = nextNumber();
    await log.publish(outgoing(2));
    await reader.until(() => seen(reader).length === 2);
    expect(seen(reader)).toEqual([first, first + 1]);
  });

  test("clients get a heartbeat as a named event", async () => {
    const hub = await startHub(createLog(), { heartbeatMs: 10 });
    const reader = open(hub, undefined, { heartbeat: "event" });
    await reader.until(() => reader.events.filter((event) => event.type === "heartbeat").length > 2);
  });

  test("a log that is away when the hub starts is waited for; streams opened meanwhile begin then", async () => {
    class AwayLog extends MemoryLog {
      isAway = true;
      override async watermarks() {
        if (this.isAway) throw new Error("away");
        return await super.watermarks();
      }
    }
    const log = new AwayLog({ topic: "test", partitions: 3, capacity: 1_000, now: () => Date.now() });
    keep(log);
    const hub = createHub(log);
    await log.publish(outgoing(3));
    hub.start();
    const [fresh, unknown] = [open(hub), open(hub, "nonsense")];
    await fresh.until((reader) => reader.retryMs !== undefined);
    expect(hub.isCaughtUp).toBe(false);
    log.isAway = false;
    await unknown.until((reader) => seen(reader).length === 3);
    const first = nextNumber();
    await log.publish(outgoing(1));
    await fresh.until((reader) => seen(reader).length === 1);
    expect(seen(fresh)).toEqual([first]);
  });

  test("a client that comes from a process which had read more is sent what it has not seen, with ids that never go back", async () => {
    /** The hub's own reader is held up. */
    class SlowLog extends MemoryLog {
      gate = Promise.withResolvers<void>();
      override async *read(...args: [...Parameters<MemoryLog["read"]>, ReadOptions?]) {
        for await (const batch of super.read(args[0], args[1])) {
          if (args[2]?.notePosition && batch.length > 0) await this.gate.promise;
          yield batch;
        }
      }
    }
    const log = keep(new SlowLog({ topic: "test", partitions: 3, capacity: 10_000, now: Date.now }));
    const hub = await startHub(log);
    const records = outgoing(60);
    await log.publish(records);
    const marks = await log.watermarks();
    // It has seen all of partition 0 and half of partition 1.
    const half = Math.floor((marks[1]?.high ?? 0) / 2);
    const reader = open(hub, `0:${marks[0]?.high},1:${half},2:0`, { heartbeat: "event" });
    await reader.until(({ retryMs }) => retryMs !== undefined);
    log.gate.resolve();
    const missing = (marks[1]?.high ?? 0) - half + (marks[2]?.high ?? 0);
    await reader.until(() => reader.events.some(({ type }) => type === "heartbeat"));
    expect(reader.frames.map(({ partition }) => partition)).not.toContain(0);
    expect(seen(reader)).toHaveLength(missing);
    const ids = reader.events.map(({ id }) => parseVector(id) ?? new Map());
    for (const [i, id] of ids.entries()) expect(covers(id, ids[i - 1] ?? new Map())).toBe(true);
    await log.publish(outgoing(3));
    await reader.until(() => seen(reader).length === missing + 3);
  });

  test("a client that comes while something is still due in this turn of the event loop is not sent it", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const early = open(hub);
    await log.publish(outgoing(1));
    await log.publish(outgoing(1));
    const end = formatVector(new Map((await log.watermarks()).map(({ partition, high }) => [partition, high])));
    // Promises alone, so that the turn does not end.
    while (hub.snapshot(0).lastEventId !== end) await Promise.resolve();
    const reader = open(hub);
    const first = nextNumber();
    await log.publish(outgoing(1));
    await reader.until(() => seen(reader).length > 0);
    expect(seen(reader)).toEqual([first]);
    await early.until(() => seen(early).length === 3);
  });

  test("no heartbeat says that a client has what it was not sent yet", async () => {
    const log = createLog();
    const hub = await startHub(log, { heartbeatMs: 1 });
    const reader = open(hub, undefined, { heartbeat: "event" });
    for (let round = 0; round < 150; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      for (let i = 0; i < 3; i++) await log.publish(outgoing(1));
    }
    await reader.until(() => seen(reader).length === 450);
    const ids = reader.events.map(({ id }) => parseVector(id) ?? new Map());
    for (const [i, id] of ids.entries()) expect(covers(id, ids[i - 1] ?? new Map())).toBe(true);
  });

  test("stopping the hub ends every stream and leaves no client", async () => {
    const hub = await startHub(createLog());
    const readers = [open(hub), open(hub, "0:0,1:0,2:0")];
    await hub.stop();
    await Promise.all(readers.map((reader) => reader.end()));
    expect(hub.clientCount).toBe(0);
    await hub.stop();
  });

  test("an event says when it was read, unless it was in the log before the server was", async () => {
    const log = createLog();
    await log.publish(outgoing(1));
    const hub = await startHub(log, { now: () => 1_795_418_580_570 });
    await log.publish(outgoing(1));
    await settled(hub, log);
    const received = hub.snapshot(2).events.map((json) => JSON.parse(json).receivedAt);
    expect(received).toEqual([undefined, 1_795_418_580_570]);
  });

  test("a snapshot has the newest events that are wanted, and ends where the log does", async () => {
    const log = createLog();
    const hub = await startHub(log);
    const first = nextNumber();
    await log.publish(outgoing(20));
    await settled(hub, log);
    const { events, lastEventId } = hub.snapshot(3, undefined, (frame) => JSON.parse(frame.json).value.i % 2 === 0);
    const even = Array.from({ length: 20 }, (_, i) => first + i).filter((i) => i % 2 === 0);
    expect(events.map((json) => JSON.parse(json).value.i).toSorted((a, b) => a - b)).toEqual(even.slice(-3));
    expect(lastEventId).toBe(hub.snapshot(0).lastEventId);
  });
});
