-- An account's own fields, as its events and its answers show them.
create or replace function account_data(a accounts) returns json language sql stable as $$
  select (select row_to_json(d) from (
    select a.name, a.industry, a.phone, a.website,
      case when a.address is not null then (select row_to_json(p) from (
        select a.address ->> 'street' as street, a.address ->> 'city' as city, a.address ->> 'postalCode' as "postalCode",
          a.address ->> 'region' as region, a.address ->> 'country' as country
      ) p) end as address
  ) d)
$$;

create or replace function account_json(a accounts) returns text language sql stable as $$
  select entity_json(a.id, a.tenant_id, a.version, account_data(a), a.created_at, a.updated_at)
$$;
