-- Jobs of several callers in one transaction, each answered for itself and in their order: one message and one wait for the
-- disk for all of them. Those of one tenant that meet nothing unusual are also written by one statement, as opening one and
-- compiling the table's checks is half of what a row costs; all others are made one by one, as create_job makes them.
-- An error of one undoes all; the caller then tries each alone. One that has to wait for a lock is such an error, for the
-- others must not wait with it.
create or replace function create_job_each(p_writes json) returns setof write_result language plpgsql as $$
declare
  results write_result[];
  made record;
  w record;
begin
  if json_array_length(p_writes) > 1 then
    perform set_config('lock_timeout', '20ms', true);
    for made in
      select f.* from (
        select e.item ->> 'tenant' as tenant, json_agg(e.item order by e.at) as items, array_agg(e.at::int order by e.at) as places
        from json_array_elements(p_writes) with ordinality as e(item, at)
        group by 1 having count(*) > 1 order by min(e.at)
      ) t, create_plain_jobs(t.tenant::uuid, t.items, t.places) f
    loop
      results[made.place] := row('proceed', 201::smallint, made.headers, made.body)::write_result;
    end loop;
  end if;
  for place in 1..json_array_length(p_writes) loop
    if results[place] is null then
      -- Read one by one, since most were made above.
      select * into w from json_to_record(p_writes -> place - 1) as i(
        tenant uuid, key text, fingerprint text, method text, path text, request text, traceparent text, now timestamptz,
        expires timestamptz, id uuid, event uuid, input json
      );
      results[place] := create_job(
        row(w.tenant, w.key, decode(w.fingerprint, 'hex'), w.method, w.path, w.request, w.traceparent, null, false, w.now, w.expires)::write_request,
        w.id, w.event, w.input
      );
    end if;
    return next results[place];
  end loop;
end $$;
