-- Appends the event of a change that was just written. The row's lock is held here, so per aggregate id order is commit order.
create or replace function append_change(
  w write_request, p_event_id uuid, p_type text, p_aggregate_type text, p_id uuid, p_version integer, p_data json
) returns void language plpgsql as $$
begin
  perform append_event(w.tenant_id, (
    select row_to_json(e) from (
      select p_event_id as "eventId", p_type as "eventType", w.tenant_id as "tenantId", p_aggregate_type as "aggregateType",
        p_id as "aggregateId", p_version as version, rfc3339(w.now) as "occurredAt", p_data as data
    ) e
  ), w.traceparent);
end $$;
