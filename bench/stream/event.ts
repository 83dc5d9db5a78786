import type { OutgoingRecord } from "../../src/log/log.ts";
import { now } from "../harness/child.ts";

let made = 0;

/** A real event that tells when it was made; its frame has some 650 bytes. */
export function event(): OutgoingRecord {
  const tenantId = "12345678-1234-1234-1234-123456789012";
  const eventId = Bun.randomUUIDv7();
  const aggregateId = `aaaaaaaa-0000-4000-8000-${String(made++ % 1_000).padStart(12, "0")}`;
  const value = JSON.stringify({
    eventId,
    eventType: "JobCreated",
    tenantId,
    aggregateType: "Job",
    aggregateId,
    version: 1,
    occurredAt: new Date().toISOString(),
    data: { title: "Test Job", status: "Open", sent: now().toFixed(2) },
  });
  return { key: aggregateId, value, headers: { ce_id: eventId, ce_type: "JobCreated", ce_tenantid: tenantId } };
}

/** The frame's JSON as our stream writes it, for servers that do not know our log. */
export function frameJson(offset: number): string {
  const { key, value, headers } = event();
  const frame = { kind: "domain_event", topic: "aetherlink.events", partition: 0, offset, timestamp: Date.now(), key };
  return `${JSON.stringify(frame).slice(0, -1)},"value":${value},"headers":${JSON.stringify(headers)}}`;
}
