-- Jobs of several callers in one round trip, each seen as its own tenant: a row for each, of nulls when there is no such job.
create or replace function get_job_each(p_tenants uuid[], p_ids uuid[]) returns table (version integer, body text)
language plpgsql as $$
declare
  entered uuid;
begin
  for i in 1..cardinality(p_ids) loop
    -- Those of one tenant that stand together enter it once.
    if entered is distinct from p_tenants[i] then
      perform enter_tenant(p_tenants[i]);
      entered := p_tenants[i];
    end if;
    select j.version, job_json(j) into version, body from jobs j where j.tenant_id = p_tenants[i] and j.id = p_ids[i];
    return next;
  end loop;
end $$;
