-- Closes a write: keeps the response under its key, in the same transaction as the work it answers for, and gives it back.
-- An expired key that was not pruned yet is taken over.
create or replace function finish_write(w write_request, p_status int, p_headers json, p_body text)
returns write_result language plpgsql as $$
begin
  if w.key is not null then
    insert into idempotency_keys (
      tenant_id, key, fingerprint, request_method, request_path,
      status_code, response_headers, response_body, created_at, expires_at
    ) values (
      w.tenant_id, w.key, w.fingerprint, w.method, w.path, p_status, p_headers, p_body, w.now, w.expires_at
    )
    on conflict (tenant_id, key) do update set
      fingerprint = excluded.fingerprint, request_method = excluded.request_method, request_path = excluded.request_path,
      status_code = excluded.status_code, response_headers = excluded.response_headers, response_body = excluded.response_body,
      created_at = excluded.created_at, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= w.now;
  end if;
  return row('proceed', p_status::smallint, p_headers, p_body)::write_result;
end $$;
