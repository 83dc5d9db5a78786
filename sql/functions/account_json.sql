-- An account's own fields, as its events show them.
create or replace function account_data(a accounts) returns json language sql stable as $$
  select row_to_json(row(a.name, a.industry, a.phone, a.website, address_json(a.address))::account_fields)
$$;

-- An account as the API shows it.
create or replace function account_json(a accounts) returns text language sql stable as $$
  select row_to_json(row(
    a.id, a.tenant_id, a.version, a.name, a.industry, a.phone, a.website, address_json(a.address), rfc3339(a.created_at),
    rfc3339(a.updated_at)
  )::account_shown)::text
$$;
