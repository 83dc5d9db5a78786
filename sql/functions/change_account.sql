-- One PATCH of an account (JSON merge patch, RFC 7396) in one round trip. p_patch has known fields only, each checked before.
create or replace function change_account(w write_request, p_id uuid, p_event_id uuid, p_patch jsonb)
returns write_result language plpgsql as $$
declare
  result write_result := begin_write(w);
  a accounts;
begin
  if result.outcome <> 'proceed' then
    return result;
  end if;
  select * into a from accounts where tenant_id = w.tenant_id and id = p_id for no key update;
  if not found then
    return refuse_write(w, 'not-found', format('There is no account %s', p_id));
  end if;
  result := check_version(w, a.version);
  if result.outcome is not null then
    return result;
  end if;
  a := patched_account(a, p_patch);
  a.version := a.version + 1;
  a.updated_at := w.now;
  update accounts set
    version = a.version, name = a.name, industry = a.industry, phone = a.phone, website = a.website, address = a.address,
    updated_at = a.updated_at
  where tenant_id = w.tenant_id and id = p_id;
  perform append_change(w, p_event_id, 'AccountUpdated', 'Account', a.id, a.version, account_data(a));
  return finish_write(w, 200, entity_headers(a.version, '/api/crm/accounts/' || a.id), account_json(a));
end $$;
