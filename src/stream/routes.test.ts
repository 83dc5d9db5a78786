import { afterEach, expect, test } from "bun:test";
import { Hono } from "hono";
import pino from "pino";
import { SseReader } from "../../test/support/sse.ts";
import type { AppEnv } from "../http/env.ts";
import { MemoryLog } from "../log/memory.ts";
import { Hub } from "./hub.ts";
import { streamRoutes } from "./routes.ts";
import { EVERYTHING } from "./viewer.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** The real stream on a real port. */
async function serve(bufferBytes = 65_536) {
  const log = new MemoryLog({ topic: "test", partitions: 3, capacity: 100_000, now: Date.now });
  const hub = new Hub({ log, logger: pino({ level: "silent" }), ring: 500, heartbeatMs: 60_000, bufferBytes });
  hub.start();
  await hub.caughtUp;
  const app = new Hono<AppEnv>().route(
    "/",
    streamRoutes(hub, () => EVERYTHING),
  );
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => app.fetch(request, { server }),
  });
  stops.push(
    () => server.stop(true),
    () => log.stop(),
    () => hub.stop(),
  );
  return { log, hub, server, url: `${server.url}crm-events` };
}

const event = (n: number) => ({ key: `${n}`, value: JSON.stringify({ n, pad: "x".repeat(2_000) }), headers: {} });

async function open(url: string, headers: Record<string, string> = {}): Promise<SseReader> {
  const { body } = await fetch(url, { headers });
  if (body === null) throw new Error("the stream has no body");
  return new SseReader(body);
}

test("a client that never reads is cut off, while another one is sent everything in order", async () => {
  const { log, hub, server, url } = await serve();
  let answered = false;
  const stuck = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port ?? 0,
    socket: {
      data: (socket) => {
        answered = true;
        socket.pause();
      },
    },
  });
  stuck.write("GET /crm-events HTTP/1.1\r\nHost: x\r\n\r\n");
  const reader = await open(url);
  while (!answered || hub.clientCount < 2) await new Promise((resolve) => setImmediate(resolve));
  let sent = 0;
  // The system's own buffers for a connection take some megabytes before ours fills.
  for (; hub.clientCount === 2 && sent < 20_000; sent += 50) {
    await log.publish(Array.from({ length: 50 }, (_, i) => event(sent + i)));
    await reader.until(() => reader.events.length >= sent + 50);
  }
  expect(hub.clientCount).toBe(1);
  expect(reader.frames.map((frame) => frame.value.n)).toEqual(Array.from({ length: sent }, (_, i) => i));
  stuck.terminate();
});

test("the Last-Event-ID header counts before the query, which is the one of a page's first connect", async () => {
  const { log, url } = await serve();
  await log.publish([event(0), event(1), event(2)]);
  const all = await open(`${url}?lastEventId=0:0,1:0,2:0`);
  await all.until(() => all.events.length === 3);
  const rest = await open(`${url}?lastEventId=0:0,1:0,2:0`, { "Last-Event-ID": all.events[1]?.id ?? "" });
  await rest.until(() => rest.events.length === 1);
  expect(rest.events).toEqual(all.events.slice(2));
});

test("a client that goes away is forgotten", async () => {
  const { hub, url } = await serve();
  const reader = await open(url);
  await reader.until(() => reader.lastEventId !== "");
  expect(hub.clientCount).toBe(1);
  await reader.close();
  while (hub.clientCount > 0) await new Promise((resolve) => setImmediate(resolve));
});
