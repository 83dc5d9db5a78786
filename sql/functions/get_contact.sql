-- One contact as the API shows it, in one round trip: no row when the tenant has none with this id.
create or replace function get_contact(p_tenant uuid, p_id uuid) returns table (version integer, body text) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query select c.version, contact_json(c) from contacts c where c.tenant_id = p_tenant and c.id = p_id;
end $$;
