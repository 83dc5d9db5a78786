-- Opens a write: enters the tenant and asks the idempotency store. outcome is
--   proceed   do the work, then finish_write (also when there is no key)
--   replay    status, headers and body are those of the first response
--   busy      another transaction holds the key right now
--   mismatch  the key was used for another request
-- The lookup is a statement of its own after the lock: in a volatile function each statement has its own snapshot, so it
-- sees what the lock's last holder committed. A single combined statement would use the older snapshot and do the work twice.
create or replace function begin_write(
  p_tenant uuid, p_key text, p_fingerprint bytea, p_now timestamptz,
  out outcome text, out status smallint, out headers json, out body text
) language plpgsql as $$
declare
  known idempotency_keys;
begin
  perform enter_tenant(p_tenant);
  outcome := 'proceed';
  if p_key is null then
    return;
  end if;
  if not pg_try_advisory_xact_lock(hashtextextended(p_tenant::text || ':' || p_key, 0)) then
    outcome := 'busy';
    return;
  end if;
  select * into known from idempotency_keys k where k.tenant_id = p_tenant and k.key = p_key and k.expires_at > p_now;
  if not found then
    return;
  end if;
  if known.fingerprint <> p_fingerprint then
    outcome := 'mismatch';
    return;
  end if;
  outcome := 'replay';
  status := known.status_code;
  headers := known.response_headers;
  body := known.response_body;
end $$;
