/** The servers that are compared: each hands events to all its clients. */
import type { Socket } from "bun";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import pino from "pino";
import { realAmbient } from "../../src/ambient.ts";
import { requestContext } from "../../src/http/context.ts";
import type { AppEnv } from "../../src/http/env.ts";
import { securityHeaders } from "../../src/http/security.ts";
import { HttpServer } from "../../src/http/server.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { EVERYTHING, Hub, streamRoutes } from "../../src/stream/index.ts";
import { event, frameJson } from "./event.ts";

export interface Subject {
  readonly port: number;
  clients(): number;
  /** Resolves when it took the events; whether it has written them to all is its own matter. */
  publish(count: number): Promise<void>;
}

const logger = pino({ level: "silent" });

async function serve(app: Hono<AppEnv>): Promise<number> {
  const server = new HttpServer("127.0.0.1", 0, logger);
  await server.listen();
  server.open(app);
  return Number(new URL(server.url).port);
}

/** The real hub and route with the middleware that stands before them. */
export async function ours(): Promise<Subject> {
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
    port: await serve(app),
    clients: () => hub.clientCount,
    publish: async (count) => {
      await log.publish(Array.from({ length: count }, event));
    },
  };
}

/** Hono's streamSSE as its documentation has it: every client is written to by itself. */
export async function honoSse(): Promise<Subject> {
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
    port: await serve(app),
    clients: () => streams.size,
    publish: async (count) => {
      for (let i = 0; i < count; i++) {
        const data = frameJson(offset++);
        await Promise.all([...streams].map((write) => write(`0:${offset},1:0,2:0`, data)));
      }
    },
  };
}

/** The publisher of an nginx with nchan: one connection that stays open, events one after the other behind each other. */
export async function nchanPublisher(port: number): Promise<Subject> {
  let answered = Promise.withResolvers<void>();
  let waiting = 0;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => {
        waiting -= bytes.toString("latin1").split("HTTP/1.1 20").length - 1;
        if (waiting <= 0) answered.resolve();
      },
    },
  });
  let offset = 0;
  return {
    port,
    clients: () => 0,
    publish: async (count) => {
      answered = Promise.withResolvers<void>();
      waiting = count;
      const requests = Array.from({ length: count }, () => {
        const data = frameJson(offset++);
        return `POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: ${Buffer.byteLength(data)}\r\n\r\n${data}`;
      });
      writeAll(socket, Buffer.from(requests.join("")));
      await answered.promise;
    },
  };
}

function writeAll(socket: Socket<undefined>, bytes: Buffer): void {
  const written = socket.write(bytes);
  // What does not fit goes behind what the kernel takes next.
  if (written < bytes.length) setTimeout(() => writeAll(socket, bytes.subarray(Math.max(0, written))), 1);
}

/** No server at all: ready-made bytes are copied to sockets. It shows how much the load's client can take. */
export function copier(): Subject {
  const sockets = new Set<Socket<{ isFull: boolean }>>();
  const listener = Bun.listen<{ isFull: boolean }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { isFull: false };
      },
      data: (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        sockets.add(socket);
      },
      drain: (socket) => {
        socket.data.isFull = false;
      },
      close: (socket) => {
        sockets.delete(socket);
      },
    },
  });
  let offset = 0;
  return {
    port: listener.port,
    clients: () => sockets.size,
    publish: async (count) => {
      const frames = Array.from({ length: count }, () => `id: 0:${offset},1:0,2:0\ndata: ${frameJson(offset++)}\n\n`);
      const bytes = Buffer.from(frames.join(""));
      for (const socket of sockets) {
        // A frame that does not fit whole is lost to this client, which is no matter: bytes are counted.
        if (!socket.data.isFull) socket.data.isFull = socket.write(bytes) < bytes.length;
      }
      await Bun.sleep(0);
    },
  };
}
