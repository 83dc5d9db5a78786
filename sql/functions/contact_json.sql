-- A contact's own fields, as its events show them.
create or replace function contact_data(c contacts) returns json language sql stable as $$
  select row_to_json(row(c.name, c.email, c.phone, c.account_id)::contact_fields)
$$;

-- A contact as the API shows it.
create or replace function contact_json(c contacts) returns text language sql stable as $$
  select row_to_json(row(
    c.id, c.tenant_id, c.version, c.name, c.email, c.phone, c.account_id, rfc3339(c.created_at), rfc3339(c.updated_at)
  )::contact_shown)::text
$$;
