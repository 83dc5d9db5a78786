-- One page of a list in one round trip, whichever entity: list_jobs.sql, list_accounts.sql and list_contacts.sql say which
-- columns and conditions, from texts of their own; whatever a caller sent arrives as a value in p_query and never as text of
-- a statement. What all queries have:
--   descending  boolean: the order
--   after       {"key": "...", "id": "...", "dense": true}: where the page before ended; missing on the first. dense: the search
--               was found to match many rows, so that the index need not be asked again
--   limit       rows at most
--   like        patterns of which each must match, for ILIKE; missing without a search
-- The statement has only the conditions that were asked for and is planned for the values at hand.

-- A search looks at so many rows in their order, then asks the search index; at more where that is known to help no further.
create or replace function search_walk(p_query jsonb) returns integer language sql immutable as $$
  select case when p_query #>> '{after,dense}' = 'true' then 4000 else 1000 end
$$;

-- p_key       expression of the order, of type p_type; with e.id behind it an index has it
-- p_conditions  conditions that an index takes below row-level security: leakproof ones
-- p_search    conditions that none does, on the columns that aetherlink_relay may read; null without a search
-- A row without body says that the list goes on behind its key and id, though this page has fewer rows than its limit.
create or replace function list_page(
  p_tenant uuid, p_query jsonb, p_entity text, p_show text, p_key text, p_type text, p_conditions text, p_search text
) returns table (sort_key text, id uuid, body text) language plpgsql as $$
declare
  -- The row that a page begins behind, and the order, in one form for both directions.
  going text := case when p_query ->> 'descending' = 'true' then 'desc' else 'asc' end;
  behind text := case when p_query ? 'after' then format(
    ' and (%s, e.id) %s (($2 #>> ''{after,key}'')::%s, ($2 #>> ''{after,id}'')::uuid)',
    p_key, case going when 'desc' then '<' else '>' end, p_type) else '' end;
  wanted integer := (p_query ->> 'limit')::integer + 1;
  shown text := format(case p_type when 'timestamptz' then
    'coalesce(to_char(%s at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"''), ''infinity'')' else '%s' end, p_key);
  rows_found integer;
  candidates uuid[];
begin
  perform enter_tenant(p_tenant);
  if p_search is null then
    return query execute format(
      'select %s, e.id, %s(e) from %I e where e.tenant_id = $1%s%s order by %s %s, e.id %s limit $3',
      shown, p_show, p_entity, p_conditions, behind, p_key, going, going
    ) using p_tenant, p_query, wanted;
    return;
  end if;

  -- What many rows match is found on the way.
  return query execute format(
    'select %s, e.id, %s(e) from (select * from %I e where e.tenant_id = $1%s%s order by %s %s, e.id %s limit $4) e
     where true%s limit $3',
    shown, p_show, p_entity, p_conditions, behind, p_key, going, going, p_search
  ) using p_tenant, p_query, wanted, search_walk(p_query);
  get diagnostics rows_found = row_count;
  if rows_found = wanted then
    return;
  end if;

  -- Where the walk ended; nowhere when there were not that many rows: then they are all.
  execute format(
    'select %s, e.id from %I e where e.tenant_id = $1%s%s order by %s %s, e.id %s offset $3 limit 1',
    shown, p_entity, p_conditions, behind, p_key, going, going
  ) into sort_key, id using p_tenant, p_query, search_walk(p_query) - 1;
  if id is null then
    return;
  end if;

  candidates := case when p_query #>> '{after,dense}' = 'true' then null else find_matches(p_entity, p_query, p_search) end;
  if candidates is null then
    -- Many match, but few here: the page is short, and goes on where the walk ended.
    body := null;
    return next;
    return;
  end if;
  -- The rows of the walk come again, so only what lies behind it is added.
  return query execute format(
    'with e as materialized (select * from %1$I e where e.tenant_id = $1 and e.id = any ($4)%2$s)
     select %3$s, e.id, %4$s(e.*::%1$I) from e where (%5$s, e.id) %6$s ($5::%7$s, $6) order by %5$s %8$s, e.id %8$s limit $3',
    p_entity, p_conditions, shown, p_show, p_key, case going when 'desc' then '<' else '>' end, p_type, going
  ) using p_tenant, p_query, wanted - rows_found, candidates, sort_key, id;
end $$;
