/** What counting costs, in one process: too little to be seen between two servers on a machine that has other things to do. */
import type { OutboxRow } from "../../src/outbox/record.ts";
import { AllSeries } from "../../src/series.ts";
import { Frame } from "../../src/stream/frame.ts";
import { type TestRoutes, testRoutes } from "../../test/support/routes.ts";

const TENANT = "12345678-1234-1234-1234-123456789012";
/** Requests of a block, and how many of them are under way at once. */
const BLOCK = 160;
const TOGETHER = 16;
/** Times that what is counted for a POST is done in a loop. */
const TURNS = 300_000;

/**
 * POSTs through all routes and the database, counted and not, in short blocks in turn: the CPU of this process for a counted
 * one to that for one that is not, a ratio for each pair of blocks.
 */
export async function countedToUncounted(url: string, pairs: number): Promise<number[]> {
  const { http, idempotency } = new AllSeries(false);
  const counted = await testRoutes(url, { metrics: http, keyed: idempotency.written });
  const plain = await testRoutes(url);
  try {
    for (let i = 0; i < pairs / 4; i++) await Promise.all([block(counted), block(plain)]);
    const ratios: number[] = [];
    for (let i = 0; i < pairs; i++) {
      // Whoever is second finds warmer caches, so they take turns in that too.
      const first = await block(i % 2 === 0 ? counted : plain);
      const second = await block(i % 2 === 0 ? plain : counted);
      ratios.push(i % 2 === 0 ? first / second : second / first);
    }
    return ratios;
  } finally {
    await counted.stop();
    await plain.stop();
  }
}

/** CPU microseconds of this process for a block of POSTs. */
async function block({ app }: TestRoutes): Promise<number> {
  const before = process.cpuUsage();
  for (let sent = 0; sent < BLOCK; sent += TOGETHER)
    await Promise.all(Array.from({ length: TOGETHER }, () => post(app)));
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function post(app: TestRoutes["app"]): Promise<void> {
  const headers = {
    "Content-Type": "application/json",
    "X-Tenant-Id": TENANT,
    "Idempotency-Key": crypto.randomUUID(),
  };
  const body = JSON.stringify({ title: "Replace compressor, rooftop unit 7" });
  const { status } = await app.request("/api/crm/jobs", { method: "POST", headers, body });
  if (status !== 201) throw new Error(`a POST was answered ${status}`);
}

/** CPU microseconds of all counting from a POST's answer to its event's fan-out to one stream, in five runs. */
export function countedForOne(): number[] {
  const { http, idempotency, outbox, stream } = new AllSeries(false);
  const route = { basePath: "/", path: "/api/crm/jobs", method: "POST", handler: () => new Response() };
  const now = Date.now();
  const event: OutboxRow = {
    id: "1",
    event_id: "",
    tenant_id: TENANT,
    type: "JobCreated",
    aggregate_type: "Job",
    aggregate_id: "",
    payload: "{}",
    traceparent: null,
    occurred_at: new Date(now),
    retry_count: 0,
  };
  const position = { partition: 0, offset: 0, timestamp: now };
  const published = { published: [{ row: event, position }], refused: [], held: [], left: [], interruption: undefined };
  const headers = { ce_time: event.occurred_at.toISOString() };
  const frame = new Frame({ ...position, topic: "t", key: "", value: "{}", headers }, "0:1");
  return Array.from({ length: 6 }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < TURNS; i++) {
      http.count(route, 201, 0.003);
      idempotency.written("proceed");
      outbox.settled(published);
      stream.fannedOut([frame], 1, now + 4);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / TURNS;
  }).slice(1);
}
