-- One job as the API shows it, in one round trip: no row when the tenant has none with this id.
create or replace function get_job(p_tenant uuid, p_id uuid) returns table (version integer, body text) language plpgsql as $$
begin
  perform enter_tenant(p_tenant);
  return query select j.version, job_json(j) from jobs j where j.tenant_id = p_tenant and j.id = p_id;
end $$;
