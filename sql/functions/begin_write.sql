-- Opens a write: enters the tenant and asks the idempotency store. outcome is
--   proceed   do the work, then finish_write (also when there is no key)
--   replay    status, headers and body are those of the first response
--   busy      another transaction holds the key right now
--   mismatch  the key was used for another request
-- The lookup is a statement of its own after the lock: in a volatile function each statement has its own snapshot, so it
-- sees what the lock's last holder committed. A single combined statement would use the older snapshot and do the work twice.
create or replace function begin_write(w write_request) returns write_result language plpgsql as $$
declare
  known idempotency_keys;
  result write_result;
begin
  perform enter_tenant(w.tenant_id);
  result.outcome := 'proceed';
  if w.key is null then
    return result;
  end if;
  if not pg_try_advisory_xact_lock(hashtextextended(w.tenant_id::text || ':' || w.key, 0)) then
    result.outcome := 'busy';
    return result;
  end if;
  select * into known from idempotency_keys k where k.tenant_id = w.tenant_id and k.key = w.key;
  if not found or known.expires_at <= w.now then
    return result;
  end if;
  if known.fingerprint <> w.fingerprint then
    result.outcome := 'mismatch';
    return result;
  end if;
  return row('replay', known.status_code, known.response_headers, known.response_body)::write_result;
end $$;
