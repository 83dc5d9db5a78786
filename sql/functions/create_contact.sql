-- One POST of a contact in one round trip; p_input has every field of the API, checked before.
create or replace function create_contact(w write_request, p_id uuid, p_event_id uuid, p_input jsonb)
returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  c contacts;
  errors json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  c.tenant_id := w.tenant_id;
  c.id := p_id;
  c.version := 1;
  c.created_at := w.now;
  c.updated_at := w.now;
  c := patched_contact(c, p_input);
  errors := check_contact(c);
  if cardinality(errors) > 0 then
    return refuse_write(w, 'invalid-field', 'The contact refers to something that is not there', array_to_json(errors));
  end if;
  insert into contacts (tenant_id, id, version, name, email, phone, account_id, created_at, updated_at)
  values (c.tenant_id, c.id, c.version, c.name, c.email, c.phone, c.account_id, c.created_at, c.updated_at);
  perform append_change(w, p_event_id, 'ContactCreated', 'Contact', c.id, c.version, contact_data(c));
  return finish_write(w, 201, entity_headers(c.version, '/api/crm/contacts/' || c.id), contact_json(c));
end $$;
