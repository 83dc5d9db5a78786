-- Holds the transaction to one tenant: from here on row-level security lets only its rows through.
create or replace function enter_tenant(p_tenant uuid) returns void language plpgsql as $$
begin
  perform set_config('role', 'aetherlink_app', true), set_config('app.tenant_id', p_tenant::text, true);
end $$;
