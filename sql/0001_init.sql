-- Jobs, the outbox and the idempotency store.
--
-- Two roles without login stand for what the server does: aetherlink_app serves requests and is held to one tenant by
-- row-level security; aetherlink_relay reads and marks the outbox of all tenants. The role that connects is a member of
-- both and takes one of them on with SET LOCAL ROLE. Roles belong to the whole server, so a sibling database may have them already.
do $$
declare
  name text;
  -- Since version 16 membership alone does not allow SET ROLE, not even to the role's creator.
  is_16 boolean := current_setting('server_version_num')::int >= 160000;
  may_set boolean;
begin
  foreach name in array array['aetherlink_app', 'aetherlink_relay'] loop
    if not exists (select from pg_roles where rolname = name) then
      begin
        execute format('create role %I nologin', name);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
    execute 'select pg_has_role(current_user, $1, $2)' into may_set using name, case when is_16 then 'SET' else 'MEMBER' end;
    if not may_set then
      execute format('grant %I to current_user', name) || case when is_16 then ' with set true' else '' end;
    end if;
  end loop;
exception when insufficient_privilege then
  raise exception '%; let an administrator run: create role aetherlink_app nologin; create role aetherlink_relay nologin; grant aetherlink_app, aetherlink_relay to %',
    sqlerrm, quote_ident(current_user);
end $$;

grant usage on schema public to aetherlink_app, aetherlink_relay;

create table jobs (
  tenant_id  uuid not null,
  id         uuid not null,
  version    integer not null default 1 check (version > 0),
  title      text not null check (char_length(title) between 1 and 200),
  status     text not null check (status in ('Open', 'Scheduled', 'InProgress', 'Completed', 'Cancelled')),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);

-- The id is allocated while the lock on the entity's row is held: per aggregate, id order is commit order.
create table outbox_events (
  id             bigint generated always as identity primary key,
  event_id       uuid not null unique,
  tenant_id      uuid not null,
  type           text not null,
  aggregate_type text not null,
  aggregate_id   uuid not null,
  payload        json not null,           -- json, not jsonb: the very bytes that the log and every client get
  traceparent    text,
  occurred_at    timestamptz not null,
  published_at   timestamptz,
  log_partition  integer,                 -- where in the log it stands, once published
  log_offset     bigint,
  retry_count    integer not null default 0,
  last_error     text
);

-- The relay's way in: holds the backlog alone, so its size does not grow with the table.
create index outbox_events_unpublished on outbox_events (id) where published_at is null;

create table idempotency_keys (
  tenant_id        uuid not null,
  key              text not null check (char_length(key) between 1 and 255),
  fingerprint      bytea not null,        -- SHA-256 of all that makes two requests the same
  request_method   text not null,
  request_path     text not null,
  status_code      smallint not null,
  response_headers json not null,
  response_body    text not null,
  created_at       timestamptz not null,
  expires_at       timestamptz not null,
  primary key (tenant_id, key)
);
create index idempotency_keys_expires_at on idempotency_keys (expires_at);

-- A tenant sees its own rows; without the setting nobody sees any. FORCE holds the tables' owner to it as well.
alter table jobs enable row level security;
alter table jobs force row level security;
create policy tenant on jobs to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

alter table outbox_events enable row level security;
alter table outbox_events force row level security;
create policy tenant on outbox_events to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy every_tenant on outbox_events to aetherlink_relay using (true);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant on idempotency_keys to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy every_tenant on idempotency_keys to aetherlink_relay using (true);

grant select, insert, update, delete on jobs to aetherlink_app;
grant select, insert on outbox_events to aetherlink_app;
grant select, update, delete on outbox_events to aetherlink_relay;
grant select, insert, update on idempotency_keys to aetherlink_app;
grant select, update, delete on idempotency_keys to aetherlink_relay;
