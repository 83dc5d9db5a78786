-- What the relay needs to survive a bad row: an aggregate whose event the log refuses is blocked, its later events are
-- held behind it, all other aggregates flow. After five tries the row is a dead letter until a person requeues or discards it.
alter table outbox_events
  add column held         boolean not null default false, -- behind a blocked aggregate; published or discarded rows keep it
  add column dead_at      timestamptz,                    -- a dead letter since then
  add column discarded_at timestamptz;                    -- given up by a person: will never be published

-- The relay's ways in. Each holds only what is still to be done, so none grows with the table.
create index outbox_events_pending on outbox_events (id) where published_at is null and not held;
create index outbox_events_held on outbox_events (tenant_id, aggregate_id, id)
  where held and published_at is null and discarded_at is null;
create index outbox_events_dead on outbox_events (id) where dead_at is not null and discarded_at is null;
drop index outbox_events_unpublished;

-- Aggregates whose first unpublished event was refused. The leader alone adds and removes rows and decides when it tries
-- again, by its own monotonic clock; requeue and discard only say that it should.
create table outbox_blocked (
  tenant_id    uuid not null,
  aggregate_id uuid not null,
  since        timestamptz not null default now(),
  dead         boolean not null,                          -- behind a dead letter: not tried until a person decides
  primary key (tenant_id, aggregate_id)
);

-- Who requeued or discarded what, and why. Rows are only ever added.
create table outbox_audit (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default now(),
  actor        text not null,
  action       text not null check (action in ('requeue', 'discard')),
  event_id     uuid not null,
  tenant_id    uuid not null,
  type         text not null,
  aggregate_id uuid not null,
  last_error   text,
  reason       text
);

alter table outbox_blocked enable row level security;
alter table outbox_blocked force row level security;
create policy every_tenant on outbox_blocked to aetherlink_relay using (true);
alter table outbox_audit enable row level security;
alter table outbox_audit force row level security;
create policy every_tenant on outbox_audit to aetherlink_relay using (true);
grant select, insert, update, delete on outbox_blocked to aetherlink_relay;
grant select, insert on outbox_audit to aetherlink_relay;

-- Every event is updated once and deleted once: the default of 20 % of a table that keeps a week would come far too late.
alter table outbox_events set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
