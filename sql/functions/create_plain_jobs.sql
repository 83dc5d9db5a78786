-- Makes those of one tenant's jobs that meet nothing unusual: their key is free and new, what they refer to is there. What it
-- passes over has no row in the answer and is for create_job, which knows what to say.
-- A sequence of two statements, as in begin_write: the second sees what the last holders of the keys committed.
-- Without sequential scans, because the plan is kept and may be made while the tables are still empty. Planned once: for less
-- than ten jobs PostgreSQL believes a plan of their own cheaper each time, and planning is most of the work then.
create or replace function create_plain_jobs(p_tenant uuid, p_items json, p_places int[])
returns table (place int, headers json, body text) language plpgsql
  set enable_seqscan to off set plan_cache_mode to force_generic_plan as $$
declare
  free int[];
begin
  perform enter_tenant(p_tenant);
  -- Of several with one key the first is made; the others find its answer then.
  select array_agg(k.at) into free
  from (
    select min(e.at)::int as at, e.item ->> 'key' as key
    from json_array_elements(p_items) with ordinality as e(item, at)
    group by e.item ->> 'key', case when e.item ->> 'key' is null then e.at end
  ) k
  where k.key is null or pg_try_advisory_xact_lock(hashtextextended(p_tenant::text || ':' || k.key, 0));

  return query
  with items as materialized (
    select p_places[e.at] as place, w.*, i.*
    from json_array_elements(p_items) with ordinality as e(item, at),
      json_to_record(e.item) as w(
        key text, fingerprint text, method text, path text, request text, traceparent text, now timestamptz, expires timestamptz,
        id uuid, event uuid, input json
      ),
      json_to_record(w.input) as i(
        title text, description text, status text, "accountId" uuid, "contactId" uuid, "scheduledAt" timestamptz, amount amount_shown,
        tags text[], attributes jsonb
      )
    where e.at = any (free)
  ),
  plain as materialized (
    select * from items i
    where octet_length(i.attributes::text) <= 32768
      -- Each looked up by itself: joined, a table could be read whole for them.
      and case when i.key is null then true else (
        select k.expires_at > i.now from idempotency_keys k where k.tenant_id = p_tenant and k.key = i.key
      ) is not true end
      and case when i."accountId" is null then true else (
        select true from accounts a where a.tenant_id = p_tenant and a.id = i."accountId" for key share
      ) end
      and case when i."contactId" is null then true else (
        select true from contacts c where c.tenant_id = p_tenant and c.id = i."contactId" for key share
      ) end
  ),
  made as (
    insert into jobs as j (
      tenant_id, id, version, title, description, status, account_id, contact_id, scheduled_at, amount, currency, tags,
      attributes, created_at, updated_at
    )
    select p_tenant, p.id, 1, p.title, p.description, p.status, p."accountId", p."contactId", p."scheduledAt", (p.amount).value::numeric,
      (p.amount).currency, p.tags, p.attributes, p.now, p.now
    from plain p
    returning j.id, j as job
  ),
  events as (
    insert into outbox_events (event_id, tenant_id, type, aggregate_type, aggregate_id, payload, traceparent, occurred_at)
    select p.event, p_tenant, 'JobCreated', 'Job', p.id,
      event_json(p.event, 'JobCreated', p_tenant, 'Job', p.id, 1, p.now, job_data(m.job)), p.traceparent, p.now
    from plain p join made m on m.id = p.id
    order by p.place
  ),
  answers as materialized (
    select p.place, p.key, p.fingerprint, p.method, p.path, p.now, p.expires,
      entity_headers(1, '/api/crm/jobs/' || p.id) as headers, job_json(m.job) as body
    from plain p join made m on m.id = p.id
  ),
  kept as (
    insert into idempotency_keys (
      tenant_id, key, fingerprint, request_method, request_path, status_code, response_headers, response_body, created_at, expires_at
    )
    select p_tenant, a.key, decode(a.fingerprint, 'hex'), a.method, a.path, 201, a.headers, a.body, a.now, a.expires
    from answers a where a.key is not null
    -- One that has expired and was not pruned yet is taken over.
    on conflict (tenant_id, key) do update set
      fingerprint = excluded.fingerprint, request_method = excluded.request_method, request_path = excluded.request_path,
      status_code = excluded.status_code, response_headers = excluded.response_headers, response_body = excluded.response_body,
      created_at = excluded.created_at, expires_at = excluded.expires_at
  )
  select a.place, a.headers, a.body from answers a;
end $$;
