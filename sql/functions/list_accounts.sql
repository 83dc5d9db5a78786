-- One page of the tenant's accounts, see list_page.sql. The search expression is that of the index accounts_search.
create or replace function list_accounts(p_tenant uuid, q jsonb) returns table (sort_key text, id uuid, body text)
language plpgsql as $$
begin
  return query select * from list_page(p_tenant, q, 'accounts', 'account_json',
    case q ->> 'sort' when 'updatedAt' then 'e.updated_at' when 'name' then 'e.name' else 'e.created_at' end,
    case q ->> 'sort' when 'name' then 'text' else 'timestamptz' end,
    concat(
      case when q ? 'name' then ' and e.name = ($2 ->> ''name'')' end,
      case when q ? 'industry' then ' and e.industry = ($2 ->> ''industry'')' end,
      case when q ? 'createdFrom' then ' and e.created_at >= ($2 ->> ''createdFrom'')::timestamptz' end,
      case when q ? 'createdTo' then ' and e.created_at < ($2 ->> ''createdTo'')::timestamptz' end,
      case when q ? 'updatedFrom' then ' and e.updated_at >= ($2 ->> ''updatedFrom'')::timestamptz' end,
      case when q ? 'updatedTo' then ' and e.updated_at < ($2 ->> ''updatedTo'')::timestamptz' end
    ),
    search_condition('(e.name || '' '' || coalesce(e.website, ''''))', q));
end $$;
