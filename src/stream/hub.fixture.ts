import { afterEach } from "bun:test";
import pino from "pino";
import { SseReader } from "../../test/support/sse.ts";
import { MemoryLog } from "../log/memory.ts";
import { formatVector, parseVector } from "../log/vector.ts";
import { Hub, type HubOptions, type StreamOptions } from "./hub.ts";
import { LIVE, type Start } from "./start.ts";

/** Hubs on logs in memory, for the tests beside it; what they started is stopped after each test. */
const parts: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of parts.splice(0).toReversed()) await part.stop();
});

/** To be stopped after the test. */
export function keep<T extends { stop(): Promise<void> }>(part: T): T {
  parts.push(part);
  return part;
}

export const createLog = (capacity = 10_000, now = Date.now) =>
  keep(new MemoryLog({ topic: "test", partitions: 3, capacity, now }));

/** A hub that is not started. */
export const createHub = (log: MemoryLog, options: Partial<HubOptions> = {}) =>
  keep(
    new Hub({
      log,
      logger: pino({ level: "silent" }),
      ring: 500,
      heartbeatMs: 60_000,
      bufferBytes: 1_048_576,
      ...options,
    }),
  );

export async function startHub(log: MemoryLog, options: Partial<HubOptions> = {}): Promise<Hub> {
  const hub = createHub(log, options);
  hub.start();
  await hub.caughtUp;
  return hub;
}

let made = 0;
/** The number that the next event will have. */
export const nextNumber = () => made;

/** Events with numbers that go on over all tests of a file. */
export const outgoing = (n = 1, keys = 7) =>
  Array.from({ length: n }, () => {
    const i = made++;
    return { key: `key-${i % keys}`, value: JSON.stringify({ i }), headers: { ce_id: `id-${i}` } };
  });

/** Numbers of the events that came. */
export const seen = (reader: SseReader) => reader.frames.map((frame) => Number(frame.value.i));

export const open = (hub: Hub, lastEventId?: string, options: StreamOptions = {}) =>
  new SseReader(hub.open(startOf(lastEventId), options).body);

function startOf(id: string | undefined): Start {
  if (id === undefined) return LIVE;
  const position = parseVector(id);
  return position === undefined ? { kind: "unknown" } : { kind: "resume", position };
}

/** Waits until the hub has read all that is in the log. */
export async function settled(hub: Hub, log: MemoryLog): Promise<void> {
  const end = formatVector(new Map((await log.watermarks()).map(({ partition, high }) => [partition, high])));
  while (hub.snapshot(0).lastEventId !== end) await new Promise((resolve) => setImmediate(resolve));
}
