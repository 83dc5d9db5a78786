-- One POST of a job in one round trip: replay check, row, event and stored response commit together or not at all.
create or replace function create_job(
  p_tenant uuid, p_key text, p_fingerprint bytea, p_method text, p_path text, p_expires_at timestamptz,
  p_now timestamptz, p_id uuid, p_title text, p_status text,
  p_event json, p_traceparent text, p_response_headers json, p_response_body text,
  out outcome text, out status smallint, out headers json, out body text
) language plpgsql as $$
begin
  select w.outcome, w.status, w.headers, w.body into outcome, status, headers, body
  from begin_write(p_tenant, p_key, p_fingerprint, p_now) w;
  if outcome <> 'proceed' then
    return;
  end if;

  insert into jobs (tenant_id, id, title, status, created_at, updated_at)
  values (p_tenant, p_id, p_title, p_status, p_now, p_now);
  perform append_event(p_tenant, p_event, p_traceparent);

  status := 201;
  headers := p_response_headers;
  body := p_response_body;
  perform finish_write(
    p_tenant, p_key, p_fingerprint, p_method, p_path, p_now, p_expires_at, status, headers, body
  );
end $$;
