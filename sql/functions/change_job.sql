-- One PATCH of a job (JSON merge patch, RFC 7396) in one round trip. A status change is an event of its own beside the update.
-- p_patch has known fields only, each checked before; what depends on the row is checked here.
create or replace function change_job(
  w write_request, p_id uuid, p_event_id uuid, p_status_event_id uuid, p_patch jsonb
) returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  old jobs;
  j jobs;
  errors json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into old from jobs where tenant_id = w.tenant_id and id = p_id for update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no job %s', p_id));
  end if;
  result := check_version(w, old.version);
  if result.outcome is not null then
    return result;
  end if;

  j := patched_job(old, p_patch);
  j.version := old.version + 1;
  j.updated_at := w.now;
  errors := check_job(j, '#');
  if jsonb_typeof(p_patch -> 'amount') = 'object' then
    if j.amount is null then
      errors := errors || json_build_object('pointer', '#/amount/value', 'detail', 'is missing: the job has no amount yet');
    end if;
    if j.currency is null then
      errors := errors || json_build_object('pointer', '#/amount/currency', 'detail', 'is missing: the job has no amount yet');
    end if;
  end if;
  if cardinality(errors) > 0 then
    return refuse_write(w, 'invalid-field', 'With this change the job would not be valid', array_to_json(errors));
  end if;

  update jobs set
    version = j.version, title = j.title, description = j.description, status = j.status, account_id = j.account_id,
    contact_id = j.contact_id, scheduled_at = j.scheduled_at, amount = j.amount, currency = j.currency, tags = j.tags,
    attributes = j.attributes, updated_at = j.updated_at
  where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'JobUpdated', 'Job', j.id, j.version, job_data(j));
  if j.status <> old.status then
    perform append_change(w, p_status_event_id, 'JobStatusChanged', 'Job', j.id, j.version,
      (select row_to_json(d) from (select j.title, j.status, old.status as "previousStatus") d));
  end if;
  return finish_write(w, 200, entity_headers(j.version, '/api/crm/jobs/' || j.id), job_json(j));
end $$;

-- The job as the patch would have it. A field that the patch does not name stays; null clears.
create or replace function patched_job(j jobs, p jsonb) returns jobs language plpgsql as $$
begin
  if p ? 'title' then j.title := p ->> 'title'; end if;
  if p ? 'description' then j.description := p ->> 'description'; end if;
  if p ? 'status' then j.status := p ->> 'status'; end if;
  if p ? 'accountId' then j.account_id := p ->> 'accountId'; end if;
  if p ? 'contactId' then j.contact_id := p ->> 'contactId'; end if;
  if p ? 'scheduledAt' then j.scheduled_at := p ->> 'scheduledAt'; end if;
  if p ? 'amount' then
    if jsonb_typeof(p -> 'amount') = 'null' then
      j.amount := null;
      j.currency := null;
    else
      j.amount := coalesce((p #>> '{amount,value}')::numeric, j.amount);
      j.currency := coalesce(p #>> '{amount,currency}', j.currency);
    end if;
  end if;
  if p ? 'tags' then j.tags := array(select jsonb_array_elements_text(p -> 'tags')); end if;
  if p ? 'attributes' then j.attributes := merge_patch(j.attributes, p -> 'attributes'); end if;
  return j;
end $$;
