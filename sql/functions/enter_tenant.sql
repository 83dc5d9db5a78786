-- Holds the transaction to one tenant: from here on row-level security lets only its rows through.
-- Whatever is asked as a tenant has an index. On a table that had a handful of rows when its statistics were made, reading all of
-- it looks cheaper, and goes on looking so while thousands are added: a POST then read every idempotency key there was.
create or replace function enter_tenant(p_tenant uuid) returns void language plpgsql as $$
begin
  perform set_config('role', 'aetherlink_app', true), set_config('app.tenant_id', p_tenant::text, true),
    set_config('enable_seqscan', 'off', true);
end $$;
