import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import type { AppEnv } from "../http/env.ts";
import { encodePreamble } from "./frame.ts";
import type { Hub } from "./hub.ts";
import { readStreamRequest } from "./request.ts";
import type { Viewer } from "./viewer.ts";

/** Seconds that an ended stream's client gets to take what is still queued for it. */
const FAREWELL_S = 10;
/** Milliseconds after which a client that finds no place comes back: from one to three times as many. */
const FULL_RETRY_MS = 5_000;

const HEADERS = {
  "Content-Type": "text/event-stream",
  // Proxies that transform collect frames to do so.
  "Cache-Control": "no-store, no-transform",
  // nginx would collect frames into its buffer otherwise.
  "X-Accel-Buffering": "no",
  Vary: "Accept-Encoding",
};

/**
 * `GET /crm-events`: every event as a Server-Sent Event, filtered, from a point in the past, or resumed by `Last-Event-ID`
 * (header, or `lastEventId` query). What may be asked for is in `request.ts`.
 * @param viewerOf what the caller may see: it is sent nothing else, and its stream ends with its permission
 */
export function streamRoutes<Env extends AppEnv>(hub: Hub, viewerOf: (c: Context<Env>) => Viewer) {
  return new Hono<Env>().get("/crm-events", (c) => {
    const request = readStreamRequest(c.req.queries(), c.req.header("last-event-id"), hub.now());
    if (c.req.method === "HEAD") return c.body(null, 200, HEADERS);
    if (hub.isFull) {
      hub.refused();
      return c.body(tryLater(hub), 200, HEADERS);
    }
    const gzip = takesGzip(c);
    // Bun ends a connection that was silent for its idle time-out; a stream at rest is silent between heartbeats.
    const { server } = c.env;
    const { raw } = c.req;
    server.timeout(raw, 0);
    const client = hub.open(request.start, {
      ...request,
      viewer: viewerOf(c),
      gzip,
      // Of a client that was cut off Bun would keep the connection, and what is queued on it, for as long as it does not read.
      ended: () => server.timeout(raw, FAREWELL_S),
    });
    return c.body(client.body, 200, gzip ? { ...HEADERS, "Content-Encoding": "gzip" } : HEADERS);
  });
}

/** An EventSource gives up for good on a 503; told when, it comes back after a stream that ended. */
function tryLater(hub: Hub): ArrayBuffer {
  const retryMs = Math.round(FULL_RETRY_MS * (1 + 2 * hub.random()));
  return encodePreamble(retryMs, "as many streams are open here as there may be; please come back").slice().buffer;
}

function takesGzip<Env extends AppEnv>(c: Context<Env>): boolean {
  return accepts(c, { header: "Accept-Encoding", supports: ["gzip", "identity"], default: "identity" }) === "gzip";
}
