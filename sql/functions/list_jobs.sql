-- One page of the tenant's jobs, see list_page.sql. The search expression is that of the index jobs_search.
create or replace function list_jobs(p_tenant uuid, q jsonb) returns table (sort_key text, id uuid, body text)
language plpgsql as $$
declare
  tag text := case when q ? 'tag' then ' and e.tags @> array[$2 ->> ''tag'']' end;
  search text := search_condition('(e.title || '' '' || coalesce(e.description, ''''))', q);
begin
  return query select * from list_page(p_tenant, q, 'jobs', 'job_json',
    case q ->> 'sort' when 'updatedAt' then 'e.updated_at' when 'scheduledAt' then 'e.scheduled_key'
      when 'title' then 'e.title' else 'e.created_at' end,
    case q ->> 'sort' when 'title' then 'text' else 'timestamptz' end,
    concat(
      case when q ? 'status' then ' and e.status = ($2 ->> ''status'')' end,
      case when q ? 'accountId' then ' and e.account_id = ($2 ->> ''accountId'')::uuid' end,
      case when q ? 'contactId' then ' and e.contact_id = ($2 ->> ''contactId'')::uuid' end,
      case when q ? 'currency' then ' and e.currency = ($2 ->> ''currency'')' end,
      case when q ? 'createdFrom' then ' and e.created_at >= ($2 ->> ''createdFrom'')::timestamptz' end,
      case when q ? 'createdTo' then ' and e.created_at < ($2 ->> ''createdTo'')::timestamptz' end,
      case when q ? 'updatedFrom' then ' and e.updated_at >= ($2 ->> ''updatedFrom'')::timestamptz' end,
      case when q ? 'updatedTo' then ' and e.updated_at < ($2 ->> ''updatedTo'')::timestamptz' end,
      -- A job without a time has none that could lie in a range.
      case when q ? 'scheduledFrom' then ' and e.scheduled_key >= ($2 ->> ''scheduledFrom'')::timestamptz' end,
      case when q ?| '{scheduledFrom,scheduledTo}' then
        ' and e.scheduled_key < coalesce($2 ->> ''scheduledTo'', ''infinity'')::timestamptz' end
    ),
    case when tag is not null or search is not null then concat(tag, search) end);
end $$;
