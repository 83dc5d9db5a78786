import { type Attributes, stopwatch, type Tracing } from "../metrics/tracing/tracing.ts";
import type { EventLog, OutgoingRecord, PublishOutcome } from "./log.ts";

/**
 * The log, with a span of kind producer for each record that is published, below the one that its `traceparent` names: the request's
 * that wrote the event. Names of attributes: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function tracePublish(
  log: Pick<EventLog, "publish" | "topic" | "care">,
  tracing: Tracing | undefined,
): Pick<EventLog, "publish"> {
  if (tracing === undefined) return log;
  const system = log.care === undefined ? "aetherlink" : "kafka";
  return {
    async publish(records, options): Promise<PublishOutcome[]> {
      const watch = stopwatch();
      const outcomes = await log.publish(records, options);
      const endMs = watch.endMs();
      for (const [i, record] of records.entries()) {
        const parent = record.headers.traceparent;
        if (parent === undefined) continue;
        const outcome = outcomes[i];
        tracing.record({
          kind: "producer",
          name: `send ${log.topic}`,
          parent,
          startMs: watch.startMs,
          endMs,
          attributes: { ...attributesOf(system, log.topic, record), ...positionOf(outcome) },
          error: outcome instanceof Error ? outcome.name : undefined,
        });
      }
      return outcomes;
    },
  };
}

function attributesOf(system: string, topic: string, { headers, key }: OutgoingRecord): Attributes {
  return {
    "messaging.system": system,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": topic,
    "messaging.message.id": headers.ce_id ?? "",
    "messaging.kafka.message.key": key,
    "aetherlink.event.type": headers.ce_type ?? "",
    "aetherlink.tenant.id": headers.ce_tenantid ?? "",
  };
}

function positionOf(outcome: PublishOutcome | undefined): Attributes {
  if (outcome === undefined || outcome instanceof Error) return {};
  return {
    "messaging.destination.partition.id": String(outcome.partition),
    "messaging.kafka.offset": outcome.offset,
  };
}
