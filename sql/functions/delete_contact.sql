-- One DELETE of a contact in one round trip. It is refused while jobs refer to it, see delete_account.sql.
create or replace function delete_contact(w write_request, p_id uuid, p_event_id uuid) returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  c contacts;
  uses json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into c from contacts where tenant_id = w.tenant_id and id = p_id for update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no contact %s', p_id));
  end if;
  result := check_version(w, c.version);
  if result.outcome is not null then
    return result;
  end if;
  uses := describe_use('jobs', array(
    select id from jobs where tenant_id = w.tenant_id and contact_id = p_id order by created_at, id limit 1001));
  if cardinality(uses) > 0 then
    return refuse_write(w, 'in-use', 'Jobs refer to this contact: change or delete those first', array_to_json(uses));
  end if;
  delete from contacts where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'ContactDeleted', 'Contact', c.id, c.version + 1, contact_data(c));
  return finish_write(w, 204, '{}', '');
end $$;
