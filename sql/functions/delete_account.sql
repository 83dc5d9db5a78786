-- One DELETE of an account in one round trip. It is refused while jobs or contacts refer to it. A row that is to refer to
-- it is written under a share lock on this one (check_job.sql), so none can come between the look and the deletion.
create or replace function delete_account(w write_request, p_id uuid, p_event_id uuid) returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  a accounts;
  uses json[];
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into a from accounts where tenant_id = w.tenant_id and id = p_id for update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no account %s', p_id));
  end if;
  result := check_version(w, a.version);
  if result.outcome is not null then
    return result;
  end if;
  uses := describe_use('jobs', array(
      select id from jobs where tenant_id = w.tenant_id and account_id = p_id order by created_at, id limit 1001))
    || describe_use('contacts', array(
      select id from contacts where tenant_id = w.tenant_id and account_id = p_id order by created_at, id limit 1001));
  if cardinality(uses) > 0 then
    return refuse_write(w, 'in-use', 'Other entities refer to this account: change or delete those first', array_to_json(uses));
  end if;
  delete from accounts where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'AccountDeleted', 'Account', a.id, a.version + 1, account_data(a));
  return finish_write(w, 204, '{}', '');
end $$;
