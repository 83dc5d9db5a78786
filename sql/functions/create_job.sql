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
    return refuse_write(w, 'invalid-field', 'The job refers to something that is not there', array_to_json(errors));
  end if;
  insert into jobs select j.*;
  perform append_change(w, p_event_id, 'JobCreated', 'Job', j.id, j.version, job_data(j));
  return finish_write(w, 201, entity_headers(j.version, '/api/crm/jobs/' || j.id), job_json(j));
end $$;
