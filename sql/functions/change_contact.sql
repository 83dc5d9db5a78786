-- One PATCH of a contact (JSON merge patch, RFC 7396) in one round trip. p_patch has known fields only, each checked before.
create or replace function change_contact(w write_request, p_id uuid, p_event_id uuid, p_patch jsonb)
returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  c contacts;
  errors json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into c from contacts where tenant_id = w.tenant_id and id = p_id for no key update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no contact %s', p_id));
  end if;
  result := check_version(w, c.version);
  if result.outcome is not null then
    return result;
  end if;
  c := patched_contact(c, p_patch);
  c.version := c.version + 1;
  c.updated_at := w.now;
  errors := check_contact(c);
  if cardinality(errors) > 0 then
    return refuse_write(w, 'invalid-field', 'With this change the contact would not be valid', array_to_json(errors));
  end if;
  update contacts set
    version = c.version, name = c.name, email = c.email, phone = c.phone, account_id = c.account_id, updated_at = c.updated_at
  where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'ContactUpdated', 'Contact', c.id, c.version, contact_data(c));
  return finish_write(w, 200, entity_headers(c.version, '/api/crm/contacts/' || c.id), contact_json(c));
end $$;
