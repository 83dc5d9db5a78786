import type { Tracing } from "../metrics/tracing/tracing.ts";
import type { Frame } from "./frame.ts";

/** Told of a fan-out: its events, and how many were handed over, counted for each client. Times in milliseconds since 1970. */
export type TraceFanOut = (frames: readonly Frame[], deliveries: number, startMs: number, endMs: number) => void;

/**
 * A fan-out as a span of kind consumer for each event, below the one that its `traceparent` names; none when nobody was sent anything.
 * Names of attributes: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function traceFanOut(tracing: Tracing | undefined, topic: string): TraceFanOut | undefined {
  if (tracing === undefined) return undefined;
  return (frames, deliveries, startMs, endMs) => {
    if (deliveries === 0) return;
    for (const { traceparent, partition, offset, type = "", tenantId = "" } of frames) {
      if (traceparent === undefined) continue;
      tracing.record({
        kind: "consumer",
        name: `process ${topic}`,
        parent: traceparent,
        startMs,
        endMs,
        attributes: {
          "messaging.operation.name": "process",
          "messaging.operation.type": "process",
          "messaging.destination.name": topic,
          "messaging.destination.partition.id": String(partition),
          "messaging.kafka.offset": offset,
          "aetherlink.event.type": type,
          "aetherlink.tenant.id": tenantId,
          "aetherlink.fan_out.events": frames.length,
          "aetherlink.fan_out.deliveries": deliveries,
        },
      });
    }
  };
}
