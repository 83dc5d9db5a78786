-- Appends one event to the outbox. Call it after the entity's row is written, so that its lock is held when the id is allocated.
create or replace function append_event(p_tenant uuid, p_event json, p_traceparent text) returns void language plpgsql as $$
begin
  insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at)
  values (
    (p_event ->> 'eventId')::uuid, p_tenant, p_event ->> 'eventType', p_event ->> 'aggregateType',
    (p_event ->> 'aggregateId')::uuid, p_event, p_traceparent, (p_event ->> 'occurredAt')::timestamptz
  );
end $$;
