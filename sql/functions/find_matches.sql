-- The ids of all rows of the current tenant that a search matches, by the search index; null when they are more than 500.
-- Runs as a role whose policy holds nothing back, because below a policy that does no index would be used (0003_crm.sql):
-- what it names is no more than a hint, to be read again as aetherlink_app. The tenant is that of the transaction, not an argument.
-- Without these settings the planner, which has no statistics below row-level security, may read the whole table instead.
create or replace function find_matches(p_entity text, p_query jsonb, p_search text) returns uuid[] language plpgsql
set role = 'aetherlink_relay' set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off as $$
declare
  found_ids uuid[];
begin
  execute format(
    'select array_agg(m.id) from (select e.id from %I e where e.tenant_id = $1%s limit 501) m', p_entity, p_search
  ) into found_ids using nullif(current_setting('app.tenant_id', true), '')::uuid, p_query;
  return case when coalesce(cardinality(found_ids), 0) <= 500 then coalesce(found_ids, '{}') end;
end $$;
