import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { SseReader } from "../../test/support/sse.ts";
import { until } from "../../test/support/wait.ts";
import type { LogRecord } from "../log/log.ts";
import { NO_FILTER } from "./filter.ts";
import { Frame } from "./frame.ts";
import { createLog, keep, nextNumber, open, outgoing, seen, settled, startHub } from "./hub.fixture.ts";
import { StreamMetrics } from "./metrics.ts";
import { EVERYTHING } from "./viewer.ts";

function counted() {
  const registry = new Registry();
  const metrics = new StreamMetrics(registry);
  const values = async () =>
    Object.fromEntries(
      [...(await registry.metrics()).matchAll(/^stream_(\S+) (\S+)$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    ) as Record<string, number>;
  return { metrics, values };
}

const happened = (ceTime: string | undefined): LogRecord => ({
  topic: "test",
  partition: 0,
  offset: 0,
  timestamp: 0,
  key: "k",
  value: "{}",
  headers: ceTime === undefined ? {} : { ce_time: ceTime },
});

test("an event for three clients is three deliveries, and one delay", async () => {
  const { metrics, values } = counted();
  const log = createLog();
  const hub = await startHub(log, { metrics });
  const readers = [open(hub), open(hub), open(hub)];
  expect((await values()).clients).toBe(3);
  const records = outgoing(2).map((record) => ({
    ...record,
    headers: { ...record.headers, ce_time: new Date(Date.now() - 60).toISOString() },
  }));
  await log.publish(records);
  await Promise.all(readers.map((reader) => reader.until(() => reader.frames.length === 2)));
  expect(await values()).toMatchObject({ deliveries_total: 6, commit_to_client_seconds_count: 2 });
  expect((await values())['commit_to_client_seconds_bucket{le="0.05"}']).toBe(0);
  expect((await values())['commit_to_client_seconds_bucket{le="30"}']).toBe(2);
});

test("an event that nobody is sent has neither a delivery nor a delay", async () => {
  const { metrics, values } = counted();
  const log = createLog();
  const hub = await startHub(log, { metrics });
  keep({ stop: async () => hub.closeClients() });
  hub.open(undefined, { filter: { ...NO_FILTER, types: ["Account*"] } });
  await log.publish(outgoing(3));
  await settled(hub, log);
  expect(await values()).toMatchObject({ deliveries_total: 0, commit_to_client_seconds_count: 0 });
});

test("an event without a time, which somebody else wrote, is delivered and has no delay", async () => {
  const { metrics, values } = counted();
  metrics.fannedOut([new Frame(happened(undefined), "0:1"), new Frame(happened("soon"), "0:1")], 2, Date.now());
  metrics.fannedOut(
    [new Frame(happened("2026-11-26T00:00:00.000Z"), "0:1")],
    1,
    Date.parse("2026-11-26T00:00:00.040Z"),
  );
  expect(await values()).toMatchObject({
    deliveries_total: 3,
    commit_to_client_seconds_count: 1,
    commit_to_client_seconds_sum: 0.04,
  });
});

test("a resume is counted once, by what the client was brought up to date from", async () => {
  const { metrics, values } = counted();
  const log = createLog();
  const hub = await startHub(log, { metrics, ring: 500 });
  const first = nextNumber();
  await log.publish(outgoing(1_200));
  await settled(hub, log);
  const { lastEventId } = hub.snapshot(0);

  const fromRing = open(hub, lastEventId);
  await fromRing.until(() => fromRing.lastEventId === lastEventId);
  expect(await values()).toMatchObject({ 'resumes_total{from="ring"}': 1, 'resumes_total{from="log"}': 0 });

  const fromLog = open(hub, "0:0,1:0,2:0");
  await fromLog.until(() => fromLog.frames.length === 1_200);
  expect(seen(fromLog).toSorted((a, b) => a - b)[0]).toBe(first);
  // An id of another log, and one that is none.
  for (const id of ["0:999999,1:0,2:0", "nonsense"]) {
    const reset = open(hub, id);
    await reset.until(() => reset.frames.length === 500);
  }
  // The last is counted when it follows live, a moment after its last event.
  await until("both resets are counted", 5_000, async () => (await values())['resumes_total{from="reset"}'] === 2);
  expect(await values()).toMatchObject({
    'resumes_total{from="ring"}': 1,
    'resumes_total{from="log"}': 1,
    deliveries_total: 2_200,
  });
});

test("an eviction is counted once, by its reason; a client that leaves by itself is none", async () => {
  const { metrics, values } = counted();
  const log = createLog();
  const hub = await startHub(log, { metrics, bufferBytes: 65_536 });
  const left = open(hub);
  await left.close();
  // Nobody reads it.
  const slow = hub.open();
  await log.publish(outgoing(1_000));
  await settled(hub, log);
  expect(slow.isCutOff).toBe(true);

  const expired = new SseReader(hub.open(undefined, { viewer: { ...EVERYTHING, until: new Date(0) } }).body);
  await expired.end();
  const lost = open(hub);
  hub.closeClients();
  await lost.end();
  const stopped = open(hub);
  await hub.stop();
  await stopped.end();
  const counts = await values();
  const evictions = Object.entries(counts).filter(([name]) => name.startsWith("evictions_total"));
  expect(Object.fromEntries(evictions)).toEqual({
    'evictions_total{reason="slow"}': 1,
    'evictions_total{reason="age"}': 0,
    'evictions_total{reason="permission"}': 1,
    'evictions_total{reason="stopping"}': 1,
    'evictions_total{reason="log_lost"}': 1,
    'evictions_total{reason="error"}': 0,
  });
});

test("a stream that grows old is ended for its age", async () => {
  const { metrics, values } = counted();
  const hub = await startHub(createLog(), { metrics, maxAgeMs: 5 });
  await open(hub).end();
  expect((await values())['evictions_total{reason="age"}']).toBe(1);
});
