import type { OutgoingRecord } from "../log/log.ts";

/** A row of the outbox as the relay reads it. `id` is a bigint, kept as text. */
export interface OutboxRow {
  readonly id: string;
  readonly event_id: string;
  readonly tenant_id: string;
  readonly type: string;
  readonly aggregate_type: string;
  readonly aggregate_id: string;
  readonly payload: string;
  readonly traceparent: string | null;
  readonly occurred_at: Date;
  /** Times that the log refused it. */
  readonly retry_count: number;
}

/**
 * The record for an event: the aggregate id as key, so that one aggregate keeps its order, and CloudEvents headers in
 * binary mode: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export function toRecord(row: OutboxRow): OutgoingRecord {
  const headers: Record<string, string> = {
    ce_specversion: "1.0",
    ce_id: row.event_id,
    ce_type: row.type,
    ce_source: "/aetherlink/crm",
    ce_time: row.occurred_at.toISOString(),
    ce_subject: `${row.aggregate_type}/${row.aggregate_id}`,
    ce_tenantid: row.tenant_id,
    "content-type": "application/json",
  };
  if (row.traceparent !== null) headers.traceparent = row.traceparent;
  return { key: row.aggregate_id, value: row.payload, headers };
}
