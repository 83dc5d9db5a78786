-- The history of one entity: its events that the outbox still has, in commit order, with what became of each.
-- Nothing when the tenant has no such entity and none is remembered.
create or replace function list_events(p_tenant uuid, p_type text, p_id uuid, p_after bigint, p_limit integer)
returns table (id bigint, body text) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query
    select o.id, (select row_to_json(e)::text from (
      select o.event_id as "eventId", o.type as "eventType", (o.payload ->> 'version')::integer as version,
        rfc3339(o.occurred_at) as "occurredAt", o.payload -> 'data' as data,
        (select row_to_json(d) from (
          select case
              when o.log_offset is not null then 'published'
              when o.discarded_at is not null then 'discarded'
              when o.dead_at is not null then 'dead-letter'
              when o.held then 'waiting'
              else 'committed' end as state,
            rfc3339(o.published_at) as "publishedAt", o.log_partition as partition, o.log_offset as "offset",
            o.retry_count as tries
        ) d) as delivery
    ) e)
    from outbox_events o
    where o.tenant_id = p_tenant and o.aggregate_id = p_id and o.aggregate_type = p_type and o.id > p_after
    order by o.id limit p_limit;
end $$;
