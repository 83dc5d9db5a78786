import { type Context, Hono } from "hono";
import { AppError } from "../errors.ts";
import type { AppEnv } from "../http/env.ts";
import { type OffsetVector, parseVector } from "../log/vector.ts";
import type { Client, Viewer } from "./client.ts";
import type { Hub } from "./hub.ts";

/** Seconds that an ended stream's client gets to take what is still queued for it. */
const FAREWELL_S = 10;
/** The longest time that a timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * `GET /crm-events`: every event as a Server-Sent Event, resumed by `Last-Event-ID` (header, or `lastEventId` query).
 * @param viewerOf what the caller may see: it is sent nothing else, and its stream ends with its permission
 */
export function streamRoutes<Env extends AppEnv>(hub: Hub, viewerOf: (c: Context<Env>) => Viewer) {
  return new Hono<Env>().get("/crm-events", (c) => {
    const headers = {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      // nginx would collect frames into its buffer otherwise.
      "X-Accel-Buffering": "no",
    };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const position = readPosition(c.req.header("last-event-id"), c.req.query("lastEventId"));
    // Bun ends a connection that was silent for its idle time-out; a stream at rest is silent between heartbeats.
    const { server } = c.env;
    const request = c.req.raw;
    server.timeout(request, 0);
    const viewer = viewerOf(c);
    const client = hub.open(position, viewer);
    endWith(client, viewer);
    // Of a client that was cut off Bun would keep the connection, and what is queued on it, for as long as it does not read.
    client.signal.addEventListener("abort", () => server.timeout(request, FAREWELL_S));
    return c.body(client.body, 200, headers);
  });
}

/** Ends the stream when the viewer's permission does; the client comes back with a new one or is refused. */
function endWith(client: Client, { until }: Viewer): void {
  if (until === undefined) return;
  const timer = setTimeout(() => client.close(), Math.min(Math.max(0, until.getTime() - Date.now()), MAX_TIMER_MS));
  client.signal.addEventListener("abort", () => clearTimeout(timer));
}

/** The header counts first: a browser that reconnects sends it, and the query is still that of the first connect. */
function readPosition(header: string | undefined, query: string | undefined): OffsetVector | "unknown" | undefined {
  const text = header || query;
  if (!text) return undefined;
  // An id that we never wrote cannot be resumed from; an EventSource would give up for good on an error status.
  if (text.length > 10_000) throw new AppError("malformed-request", "Last-Event-ID is too long");
  return parseVector(text) ?? "unknown";
}
