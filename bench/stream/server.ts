/**
 * The server under test, as a process of its own: the real hub and route on the real port with the middleware that stands
 * before them, or Hono's own streamSSE as a yardstick. Events are made here, so that the time measured is publish → client.
 */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import pino from "pino";
import { realAmbient } from "../../src/ambient.ts";
import { requestContext } from "../../src/http/context.ts";
import type { AppEnv } from "../../src/http/env.ts";
import { securityHeaders } from "../../src/http/security.ts";
import { HttpServer } from "../../src/http/server.ts";
import type { OutgoingRecord } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { EVERYTHING, Hub, streamRoutes } from "../../src/stream/index.ts";
import { answer, now } from "./child.ts";

export type ServerQuestion =
  | { readonly ask: "port" }
  /** Publishes at a steady rate; 0 events a second: each event as soon as the one before was handed to all. */
  | { readonly ask: "publish"; readonly rate: number; readonly ms: number }
  | { readonly ask: "memory" };
export interface ServerAnswer {
  readonly value: number;
  readonly clients: number;
}

/** What the two servers have in common. */
interface Subject {
  readonly app: Hono<AppEnv>;
  clients(): number;
  publish(count: number): Promise<void>;
}

/** Milliseconds between two looks at how many events are due: as the relay hands over what commits meanwhile. */
const STEP_MS = 1;
const logger = pino({ level: "silent" });
const server = new HttpServer("127.0.0.1", 0, logger);
await server.listen();
const subject = Bun.argv[2] === "hono" ? honoSubject() : await ourSubject();
server.open(subject.app);

answer<ServerQuestion, ServerAnswer>(async (question) => {
  const value = await reply(question);
  return { value, clients: subject.clients() };
});

async function reply(question: ServerQuestion): Promise<number> {
  if (question.ask === "port") return Number(new URL(server.url).port);
  if (question.ask === "publish") return await publish(question.rate, question.ms);
  for (let i = 0; i < 5; i++) {
    Bun.gc(true);
    await Bun.sleep(100);
  }
  return process.memoryUsage.rss();
}

async function publish(rate: number, ms: number): Promise<number> {
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < ms) {
    const due = rate === 0 ? 1 : Math.floor(((performance.now() - began) / 1_000) * rate) - sent;
    if (due > 0) await subject.publish(due);
    sent += Math.max(0, due);
    if (rate > 0) await Bun.sleep(STEP_MS);
  }
  return sent;
}

async function ourSubject(): Promise<Subject> {
  const log = new MemoryLog({ topic: "aetherlink.events", partitions: 3, capacity: 10_000, now: Date.now });
  const hub = new Hub({ log, logger, ring: 1_000, heartbeatMs: 15_000, bufferBytes: 1_048_576, maxAgeMs: 3_600_000 });
  hub.start();
  await hub.caughtUp;
  const app = new Hono<AppEnv>();
  app.use(requestContext(logger, realAmbient), securityHeaders);
  app.route(
    "/",
    streamRoutes(hub, () => EVERYTHING),
  );
  return {
    app,
    clients: () => hub.clientCount,
    publish: async (count) => {
      await log.publish(Array.from({ length: count }, event));
    },
  };
}

/** As its documentation has it: every client is written to by itself. */
function honoSubject(): Subject {
  const streams = new Set<(id: string, data: string) => Promise<void>>();
  const app = new Hono<AppEnv>();
  app.use(requestContext(logger, realAmbient), securityHeaders);
  app.get("/crm-events", (c) => {
    c.env.server.timeout(c.req.raw, 0);
    return streamSSE(c, async (stream) => {
      const write = (id: string, data: string) => stream.writeSSE({ id, data });
      const ended = Promise.withResolvers<void>();
      stream.onAbort(() => {
        streams.delete(write);
        ended.resolve();
      });
      await stream.writeSSE({ data: "", event: "hello" });
      streams.add(write);
      await ended.promise;
    });
  });
  let offset = 0;
  return {
    app,
    clients: () => streams.size,
    publish: async (count) => {
      for (let i = 0; i < count; i++) {
        const { value, headers, key } = event();
        const frame = { kind: "domain_event", topic: "aetherlink.events", partition: 0, offset, timestamp: Date.now() };
        const data = `${JSON.stringify({ ...frame, key }).slice(0, -1)},"value":${value},"headers":${JSON.stringify(headers)}}`;
        offset += 1;
        await Promise.all([...streams].map((write) => write(`0:${offset},1:0,2:0`, data)));
      }
    },
  };
}

let made = 0;
/** A real event: with its frame some 900 bytes, of which the CloudEvents headers are a third. */
function event(): OutgoingRecord {
  const tenantId = "12345678-1234-1234-1234-123456789012";
  const [eventId, aggregateId] = [
    Bun.randomUUIDv7(),
    `aaaaaaaa-0000-4000-8000-${String(made++ % 1_000).padStart(12, "0")}`,
  ];
  const occurredAt = new Date().toISOString();
  const value = JSON.stringify({
    eventId,
    eventType: "JobCreated",
    tenantId,
    aggregateType: "Job",
    aggregateId,
    version: 1,
    occurredAt,
    data: { title: "Test Job", status: "Open", sent: now().toFixed(2) },
  });
  return { key: aggregateId, value, headers: { ce_id: eventId, ce_type: "JobCreated", ce_tenantid: tenantId } };
}
