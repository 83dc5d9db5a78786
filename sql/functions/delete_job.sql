-- One DELETE of a job in one round trip. Its last event has the fields that it had, and the version after the last.
create or replace function delete_job(w write_request, p_id uuid, p_event_id uuid) returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  j jobs;
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into j from jobs where tenant_id = w.tenant_id and id = p_id for update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no job %s', p_id));
  end if;
  result := check_version(w, j.version);
  if result.outcome is not null then
    return result;
  end if;
  delete from jobs where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'JobDeleted', 'Job', j.id, j.version + 1, job_data(j));
  return finish_write(w, 204, '{}', '');
end $$;
