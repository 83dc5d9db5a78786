-- Closes a write: keeps the response under its key, in the same transaction as the work it answers for.
-- An expired key that was not pruned yet is taken over.
create or replace function finish_write(
  p_tenant uuid, p_key text, p_fingerprint bytea, p_method text, p_path text,
  p_now timestamptz, p_expires_at timestamptz, p_status smallint, p_headers json, p_body text
) returns void language plpgsql as $$
begin
  if p_key is null then
    return;
  end if;
  insert into idempotency_keys (
    tenant_id, key, fingerprint, request_method, request_path,
    status_code, response_headers, response_body, created_at, expires_at
  ) values (
    p_tenant, p_key, p_fingerprint, p_method, p_path, p_status, p_headers, p_body, p_now, p_expires_at
  )
  on conflict (tenant_id, key) do update set
    fingerprint = excluded.fingerprint, request_method = excluded.request_method, request_path = excluded.request_path,
    status_code = excluded.status_code, response_headers = excluded.response_headers, response_body = excluded.response_body,
    created_at = excluded.created_at, expires_at = excluded.expires_at
  where idempotency_keys.expires_at <= p_now;
end $$;
