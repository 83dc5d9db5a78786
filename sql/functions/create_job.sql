-- Jobs in one round trip, one or many: replay check, rows, events and stored response commit together or not at all.

-- The row for a new job; p_input has every field of the API, checked before.
create or replace function new_job(w write_request, p_id uuid, p_input json) returns jobs language plpgsql as $$
declare
  j jobs;
begin
  j.tenant_id := w.tenant_id;
  j.id := p_id;
  j.version := 1;
  j.title := p_input ->> 'title';
  j.description := p_input ->> 'description';
  j.status := p_input ->> 'status';
  j.account_id := p_input ->> 'accountId';
  j.contact_id := p_input ->> 'contactId';
  j.scheduled_at := p_input ->> 'scheduledAt';
  j.amount := p_input #>> '{amount,value}';
  j.currency := p_input #>> '{amount,currency}';
  j.tags := array(select json_array_elements_text(p_input -> 'tags'));
  j.attributes := p_input -> 'attributes';
  j.created_at := w.now;
  j.updated_at := w.now;
  return j;
end $$;

-- Writes a job that was checked, and its event.
create or replace function insert_job(w write_request, j jobs, p_event_id uuid) returns void language plpgsql as $$
begin
  insert into jobs (
    tenant_id, id, version, title, description, status, account_id, contact_id, scheduled_at, amount, currency, tags,
    attributes, created_at, updated_at
  ) values (
    j.tenant_id, j.id, j.version, j.title, j.description, j.status, j.account_id, j.contact_id, j.scheduled_at, j.amount,
    j.currency, j.tags, j.attributes, j.created_at, j.updated_at
  );
  perform append_change(w, p_event_id, 'JobCreated', 'Job', j.id, j.version, job_data(j));
end $$;

create or replace function create_job(w write_request, p_id uuid, p_event_id uuid, p_input json)
returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  j jobs;
  errors json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  j := new_job(w, p_id, p_input);
  errors := check_job(j, '#');
  if cardinality(errors) > 0 then
    return refuse_write(w, 'invalid-field', 'The job is not valid', array_to_json(errors));
  end if;
  perform insert_job(w, j, p_event_id);
  return finish_write(w, 201, entity_headers(j.version, '/api/crm/jobs/' || j.id), job_json(j));
end $$;

-- Up to 500 jobs, all or none. p_items is a list of {"id", "eventId", "input"}; the answer has the jobs in its order, a
-- refusal every fault of every job.
create or replace function create_jobs(w write_request, p_items json) returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  created jobs[];
  event_ids uuid[];
  shown text[];
  errors json[] := '{}';
  item json;
  j jobs;
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  for item in select json_array_elements(p_items) loop
    j := new_job(w, (item ->> 'id')::uuid, item -> 'input');
    errors := errors || check_job(j, '#/jobs/' || coalesce(cardinality(created), 0));
    created := created || j;
    event_ids := event_ids || (item ->> 'eventId')::uuid;
  end loop;
  if cardinality(errors) > 0 then
    return refuse_write(w, 'invalid-field', 'No job was made, because some are not valid', array_to_json(errors));
  end if;
  for i in 1..cardinality(created) loop
    perform insert_job(w, created[i], event_ids[i]);
    shown := shown || job_json(created[i]);
  end loop;
  return finish_write(w, 201, '{"Content-Type":"application/json"}', '{"jobs":[' || array_to_string(shown, ',') || ']}');
end $$;
