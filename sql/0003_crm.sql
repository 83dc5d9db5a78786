-- Accounts and contacts beside jobs, and the types that every write function speaks.

create extension if not exists pg_trgm;
create extension if not exists btree_gin;

-- One write as its caller made it: the first parameter of every write function.
create type write_request as (
  tenant_id   uuid,
  key         text,           -- of idempotency; null when the caller sent none
  fingerprint bytea,
  method      text,
  path        text,
  request_id  text,
  traceparent text,
  if_match    integer[],      -- versions that If-Match allows; null when any will do
  is_unconditional boolean,   -- no If-Match was sent although this server asks for it
  now         timestamptz,
  expires_at  timestamptz     -- when the key is forgotten
);

-- What a write function gives back; outcome is explained in begin_write.sql.
create type write_result as (outcome text, status smallint, headers json, body text);

create table accounts (
  tenant_id  uuid not null,
  id         uuid not null,
  version    integer not null default 1 check (version > 0),
  name       text not null check (char_length(name) between 1 and 200),
  industry   text check (char_length(industry) between 1 and 100),
  phone      text check (char_length(phone) between 1 and 32),
  website    text check (char_length(website) between 1 and 2048),
  address    jsonb check (jsonb_typeof(address) = 'object'),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);

create table contacts (
  tenant_id  uuid not null,
  id         uuid not null,
  version    integer not null default 1 check (version > 0),
  name       text not null check (char_length(name) between 1 and 200),
  email      text check (char_length(email) between 3 and 254),
  phone      text check (char_length(phone) between 1 and 32),
  account_id uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, account_id) references accounts
);

alter table jobs
  add column description  text check (char_length(description) between 1 and 5000),
  add column account_id   uuid,
  add column contact_id   uuid,
  add column scheduled_at timestamptz,
  -- numeric without a scale keeps the digits as they were sent: 12.50 stays 12.50.
  add column amount       numeric check (amount >= 0 and amount < 1e15),
  add column currency     text check (currency ~ '^[A-Z]{3}$'),
  add column tags         text[] not null default '{}' check (cardinality(tags) <= 20),
  add column attributes   jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
  add constraint jobs_amount_has_currency check ((amount is null) = (currency is null)),
  add foreign key (tenant_id, account_id) references accounts,
  add foreign key (tenant_id, contact_id) references contacts;

alter table accounts enable row level security;
alter table accounts force row level security;
create policy tenant on accounts to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

alter table contacts enable row level security;
alter table contacts force row level security;
create policy tenant on contacts to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

grant select, insert, update, delete on accounts, contacts to aetherlink_app;

-- The write functions have new signatures from here on; those of before stay for servers of the version before, until a
-- later migration drops them.
