import { randomUUID } from "node:crypto";
import { until } from "../support/wait.ts";
import type { Fault } from "./fault.ts";
import { Random } from "./random.ts";
import { isClean, judge, longestPause, type Verdict } from "./verdict.ts";
import type { World } from "./world.ts";
import { Writer } from "./writer.ts";

/** Acknowledged events before the fault, and again after it was lifted. */
const EVENTS_AROUND = 60;
/** Milliseconds in which the outbox drains by itself once the fault is lifted, and every event is in Kafka and on the streams. */
export const DRAIN_MS = 30_000;
const TRAFFIC_MS = 60_000;

/** What one run of a fault came to. */
export interface Outcome {
  readonly fault: Fault;
  readonly verdict: Verdict;
  /** Milliseconds without an event on a stream while the writer was writing: the worse of the readers. */
  readonly pauseMs: number;
  /** Milliseconds from the last write to an empty outbox and streams that have it all. */
  readonly drainMs: number;
  /** Requests that were sent again. */
  readonly retries: number;
  /** What is wrong beside the verdict, as sentences. */
  readonly broken: string[];
}

export function isGood(outcome: Outcome): boolean {
  return isClean(outcome.verdict) && outcome.broken.length === 0;
}

/**
 * One run: traffic, the fault in its middle, traffic again, then the check over every event of it.
 * Each run writes as a tenant of its own, by which its events are told from those before.
 */
export async function runFault(world: World, fault: Fault, run: number, seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const writer = new Writer(world.nodes, randomUUID(), random);
  const broken: string[] = [];
  const note = (error: unknown) => void broken.push(describe(error));
  const resets = world.readers.map((reader) => reader.resets);
  const from = performance.now();
  writer.start();
  try {
    await traffic(writer);
    await fault.strike({ world, writer, random, run });
  } catch (error) {
    note(error);
  }
  await world
    .heal()
    .then(() => traffic(writer))
    .catch(note);
  await writer.stop(TRAFFIC_MS);
  const to = performance.now();
  await drained(world, writer.tenantId).catch(note);
  const drainMs = performance.now() - to;
  const verdict = await check(world, writer);
  broken.push(...writer.wrong, ...(await world.database.halfDone()).map((what) => `half done: ${what}`));
  for (const [i, reader] of world.readers.entries()) {
    if (reader.resets !== resets[i]) broken.push(`${reader.name} was reset: it could not go on where it had stopped`);
  }
  const pauseMs = Math.max(...world.readers.map((reader) => longestPause(reader.arrivals, from, to)));
  return { fault, verdict, pauseMs, drainMs, retries: writer.retries, broken };
}

/** The verdict over everything since the beginning: what came late, after the check of its own run, is seen here. */
export async function checkAll(world: World): Promise<Verdict> {
  return judge({
    acknowledged: [],
    committed: await world.database.committed(),
    topic: await world.broker.read(),
    streams: Object.fromEntries(world.readers.map((reader) => [reader.name, reader.events])),
  });
}

async function check(world: World, { tenantId, acknowledged }: Writer): Promise<Verdict> {
  const isOurs = (event: { tenantId: string }) => event.tenantId === tenantId;
  return judge({
    acknowledged,
    committed: await world.database.committed(tenantId),
    topic: (await world.broker.read()).filter(isOurs),
    streams: Object.fromEntries(world.readers.map((reader) => [reader.name, reader.events.filter(isOurs)])),
  });
}

/** Waits until the writer has got on. */
async function traffic(writer: Writer): Promise<void> {
  const enough = writer.acknowledged.length + EVENTS_AROUND;
  await until("the writer gets on", TRAFFIC_MS, () => writer.acknowledged.length >= enough);
}

async function drained(world: World, tenantId: string): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  await until("the outbox is empty", DRAIN_MS, async () => (await world.database.backlog(tenantId)) === 0);
  const due = (await world.database.committed(tenantId)).filter((event) => !event.discarded);
  await until("every stream has every event", Math.max(0, deadline - performance.now()), () =>
    world.readers.every((reader) => due.every((event) => reader.has(event.eventId))),
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${describe(error.cause)})`;
}
