-- A contact's own fields, as its events and its answers show them.
create or replace function contact_data(c contacts) returns json language sql stable as $$
  select (select row_to_json(d) from (select c.name, c.email, c.phone, c.account_id as "accountId") d)
$$;

create or replace function contact_json(c contacts) returns text language sql stable as $$
  select entity_json(c.id, c.tenant_id, c.version, contact_data(c), c.created_at, c.updated_at)
$$;
