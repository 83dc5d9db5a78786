-- What the autoheal service keeps. New tables alone: a server of the version before works on beside them, and knows nothing of them.

-- Every decision: a row before its action ('started') and one after it ('finished'), or one row ('decided') when nothing is
-- done. 'replica' rows tell what other replicas did with their own parts of a decision. Rows are only ever added.
create table autoheal_audit (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default clock_timestamp(),
  decision_id uuid not null,
  phase       text not null check (phase in ('decided', 'started', 'finished', 'replica')),
  replica     text not null,                    -- which server wrote it
  actor       text not null,                    -- who asked: alertmanager, probe, or a person
  cause       text not null,                    -- such as 'alert OutboxBacklogOld' or 'probe broker'
  action      text,                             -- its name in autoheal.json; null when no rule named one
  target      text not null default '',
  result      text not null,
  reason      text not null,                    -- why it was decided so
  input       jsonb not null,                   -- what it was decided on
  detail      text,                             -- what came of it
  duration_ms double precision
);
create index autoheal_audit_decision on autoheal_audit (decision_id);

-- Executions by their start: cooldowns and caps are read from here, so they outlive a leader.
create table autoheal_runs (
  decision_id uuid primary key,
  action      text not null,
  target      text not null,
  started_at  timestamptz not null default clock_timestamp()
);
create index autoheal_runs_action on autoheal_runs (action, started_at desc);
create index autoheal_runs_started_at on autoheal_runs (started_at);

-- Failures in a row of each action, and until when it is not tried for them.
create table autoheal_breakers (
  action     text primary key,
  failures   integer not null check (failures >= 0),
  open_until timestamptz
);

-- A person knows: until it expires nothing is done about this cause.
create table autoheal_acks (
  id          uuid primary key,
  cause       text not null,
  fingerprint text,                             -- of one alert; null for all of the cause
  note        text not null,
  actor       text not null,
  created_at  timestamptz not null default clock_timestamp(),
  expires_at  timestamptz not null
);
create index autoheal_acks_expires_at on autoheal_acks (expires_at);

-- Alerts as they came, the last of each fingerprint; pending until the leader has decided.
create table autoheal_alerts (
  fingerprint text primary key,
  name        text not null,
  labels      jsonb not null,
  starts_at   timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  decided_at  timestamptz,
  repeats     integer not null default 0,
  pending     boolean not null default true
);
create index autoheal_alerts_pending on autoheal_alerts (received_at) where pending;
create index autoheal_alerts_received_at on autoheal_alerts (received_at);

-- The leader's sign of life, one row, and in how many beats each minute had one: the error budget is counted from those.
create table autoheal_leader (
  only_one boolean primary key default true check (only_one),
  replica  text not null,
  since    timestamptz not null,
  beat_at  timestamptz not null,
  probes   jsonb not null
);
create table autoheal_beats (
  minute timestamptz primary key,
  beats  integer not null
);

grant select, insert, delete on autoheal_audit to aetherlink_relay;
grant select, insert, update, delete on autoheal_runs, autoheal_breakers, autoheal_acks, autoheal_alerts, autoheal_leader,
  autoheal_beats to aetherlink_relay;
