-- One account as the API shows it, in one round trip: no row when the tenant has none with this id.
create or replace function get_account(p_tenant uuid, p_id uuid) returns table (version integer, body text) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query select a.version, account_json(a) from accounts a where a.tenant_id = p_tenant and a.id = p_id;
end $$;
