-- An event's JSON with its keys in the order of the wire format. Joined by hand, which is half the cost of row_to_json over a
-- subselect: nothing in it but p_data needs to be escaped.
create or replace function event_json(
  p_event_id uuid, p_type text, p_tenant uuid, p_aggregate_type text, p_id uuid, p_version integer, p_now timestamptz, p_data json
) returns json language sql stable as $$
  select ('{"eventId":"' || p_event_id || '","eventType":"' || p_type || '","tenantId":"' || p_tenant
    || '","aggregateType":"' || p_aggregate_type || '","aggregateId":"' || p_id || '","version":' || p_version
    || ',"occurredAt":"' || rfc3339(p_now) || '","data":' || p_data || '}')::json
$$;

-- Appends the event of a change that was just written. The row's lock is held here, so per aggregate id order is commit order.
create or replace function append_change(
  w write_request, p_event_id uuid, p_type text, p_aggregate_type text, p_id uuid, p_version integer, p_data json
) returns void language plpgsql as $$
begin
  insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at)
  values (
    p_event_id, w.tenant_id, p_type, p_aggregate_type, p_id,
    event_json(p_event_id, p_type, w.tenant_id, p_aggregate_type, p_id, p_version, w.now, p_data), w.traceparent, w.now
  );
end $$;
