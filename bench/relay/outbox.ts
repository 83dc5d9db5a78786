/** Outboxes that stand as the API leaves them. */
import type postgres from "postgres";

export const TENANT = "12345678-1234-1234-1234-123456789012";

export interface Filling {
  readonly events: number;
  /** Default: they wait to be published. */
  readonly arePublished?: boolean;
  /** Hours since they were published, if they were; default 0. */
  readonly hoursAgo?: number;
  /** Tenants that they belong to; default one. */
  readonly tenants?: number;
  /** Whether the table is vacuumed behind it, by default; of a large one that takes longer than what is measured. */
  readonly vacuum?: boolean;
}

/** Adds events as the API makes them, ten of each aggregate. */
export async function fill(
  sql: postgres.Sql,
  { events, arePublished = false, hoursAgo = 0, tenants = 1, vacuum = true }: Filling,
): Promise<void> {
  await sql`
    insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at, published_at)
    select e.id, e.tenant, 'JobUpdated', 'Job', e.aggregate, json_build_object(
      'eventId', e.id, 'eventType', 'JobUpdated', 'tenantId', e.tenant, 'aggregateType', 'Job', 'aggregateId', e.aggregate,
      'version', n, 'occurredAt', '2026-11-23T07:00:00.000Z', 'data', json_build_object(
        'title', 'Replace compressor, rooftop unit ' || n, 'description', null, 'status', 'Open', 'accountId', null,
        'contactId', null, 'scheduledAt', null, 'amount', null, 'tags', '[]'::json, 'attributes', '{}'::json)),
      '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', now(), case when ${arePublished} then now() - ${hoursAgo}::int * interval '1 hour' end
    from generate_series(1, ${events}::int) n,
      lateral (
        select uuidv7() as id, md5((n / 10)::text)::uuid as aggregate,
          case when ${tenants}::int = 1 then ${TENANT}::uuid else md5('t' || n % ${tenants}::int)::uuid end as tenant
      ) e`;
  if (vacuum) await sql`vacuum analyze outbox_events`;
  await sql`checkpoint`;
}

/** Resolves when nothing waits any more. */
export async function drained(sql: postgres.Sql): Promise<void> {
  while ((await sql`select 1 from outbox_events where published_at is null limit 1`).length > 0) await Bun.sleep(20);
}

/** Environment of a server on this database and a topic of its own. */
export function environment(url: string, brokers: string, topic: string): Record<string, string> {
  return {
    DATABASE_URL: url,
    KAFKA_BROKERS: brokers,
    KAFKA_TOPIC: topic,
    LOG_FORMAT: "json",
    OUTBOX_RETENTION_HOURS: "87600",
  };
}
