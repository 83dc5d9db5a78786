-- Jobs of several callers in one transaction, each as create_job makes it and answered for itself: one message and one wait
-- for the disk for all of them. An error of one undoes all; the caller then tries each alone. One that has to wait for a lock
-- is such an error, for the others must not wait with it.
create or replace function create_job_each(p_writes json) returns setof write_result language plpgsql as $$
declare
  w record;
begin
  if json_array_length(p_writes) > 1 then
    perform set_config('lock_timeout', '20ms', true);
  end if;
  for w in select * from json_to_recordset(p_writes) as (
    tenant uuid, key text, fingerprint text, method text, path text, request text, traceparent text, now timestamptz,
    expires timestamptz, id uuid, event uuid, input json
  ) loop
    return next create_job(
      row(w.tenant, w.key, decode(w.fingerprint, 'hex'), w.method, w.path, w.request, w.traceparent, null, false, w.now, w.expires)::write_request,
      w.id, w.event, w.input
    );
  end loop;
end $$;
