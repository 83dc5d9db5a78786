-- One POST of an account in one round trip; p_input has every field of the API, checked before.
create or replace function create_account(w write_request, p_id uuid, p_event_id uuid, p_input jsonb)
returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  a accounts;
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  a.tenant_id := w.tenant_id;
  a.id := p_id;
  a.version := 1;
  a.created_at := w.now;
  a.updated_at := w.now;
  a := patched_account(a, p_input);
  insert into accounts select a.*;
  perform append_change(w, p_event_id, 'AccountCreated', 'Account', a.id, a.version, account_data(a));
  return finish_write(w, 201, entity_headers(a.version, '/api/crm/accounts/' || a.id), account_json(a));
end $$;
