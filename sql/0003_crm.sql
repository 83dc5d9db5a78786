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
  -- What an address is looked up by, whatever its case. A column, because an index on lower(email) would not be used:
  -- lower() is not leakproof, and below row-level security only leakproof conditions may look into an index.
  email_key  text generated always as (lower(email)) stored,
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
  add foreign key (tenant_id, contact_id) references contacts,
  -- What lists sort by: a job without a time comes after all that have one.
  add column scheduled_key timestamptz generated always as (coalesce(scheduled_at, 'infinity')) stored;

alter table accounts enable row level security;
alter table accounts force row level security;
create policy tenant on accounts to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

alter table contacts enable row level security;
alter table contacts force row level security;
create policy tenant on contacts to aetherlink_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

grant select, insert, update, delete on accounts, contacts to aetherlink_app;

-- JSON as the API and the events show it: row_to_json of a row of such a type. A type and not a sub-select with names, for
-- only a function without one is inlined: 8 µs a job instead of 19.
create type amount_shown as (value text, currency text);
create type job_fields as (
  title text, description text, status text, "accountId" uuid, "contactId" uuid, "scheduledAt" text, amount json,
  tags text[], attributes jsonb
);
create type job_shown as (
  id uuid, "tenantId" uuid, version integer, title text, description text, status text, "accountId" uuid, "contactId" uuid,
  "scheduledAt" text, amount json, tags text[], attributes jsonb, "createdAt" text, "updatedAt" text
);
create type address_shown as (street text, city text, "postalCode" text, region text, country text);
create type account_fields as (name text, industry text, phone text, website text, address json);
create type account_shown as (
  id uuid, "tenantId" uuid, version integer, name text, industry text, phone text, website text, address json,
  "createdAt" text, "updatedAt" text
);
create type contact_fields as (name text, email text, phone text, "accountId" uuid);
create type contact_shown as (
  id uuid, "tenantId" uuid, version integer, name text, email text, phone text, "accountId" uuid, "createdAt" text, "updatedAt" text
);

-- Lists: an index for each order, and for each filter with the usual order behind it, so that a page is read where it
-- stands and costs the same anywhere. The id decides between equals.
create index jobs_created on jobs (tenant_id, created_at, id);
create index jobs_updated on jobs (tenant_id, updated_at, id);
create index jobs_title on jobs (tenant_id, title, id);
create index jobs_scheduled on jobs (tenant_id, scheduled_key, id);
create index jobs_status on jobs (tenant_id, status, created_at, id);
create index jobs_account on jobs (tenant_id, account_id, created_at, id) where account_id is not null;
create index jobs_contact on jobs (tenant_id, contact_id, created_at, id) where contact_id is not null;
create index jobs_currency on jobs (tenant_id, currency, created_at, id) where currency is not null;
create index accounts_created on accounts (tenant_id, created_at, id);
create index accounts_updated on accounts (tenant_id, updated_at, id);
create index accounts_name on accounts (tenant_id, name, id);
create index accounts_industry on accounts (tenant_id, industry, created_at, id) where industry is not null;
create index contacts_created on contacts (tenant_id, created_at, id);
create index contacts_updated on contacts (tenant_id, updated_at, id);
create index contacts_name on contacts (tenant_id, name, id);
create index contacts_email on contacts (tenant_id, email_key, created_at, id) where email_key is not null;
create index contacts_account on contacts (tenant_id, account_id, created_at, id) where account_id is not null;

-- Search: parts of words, by trigrams, with the tenant in the index. The expressions are those of list_*.sql. A small
-- pending list: a search reads all of it, and the write that finds it full has to sort it in.
create index jobs_search on jobs using gin (tenant_id, (title || ' ' || coalesce(description, '')) gin_trgm_ops, tags)
  with (gin_pending_list_limit = 256);
create index accounts_search on accounts using gin (tenant_id, (name || ' ' || coalesce(website, '')) gin_trgm_ops)
  with (gin_pending_list_limit = 256);
create index contacts_search on contacts using gin (tenant_id, (name || ' ' || coalesce(email, '')) gin_trgm_ops)
  with (gin_pending_list_limit = 256);

-- The history of an entity.
create index outbox_events_aggregate on outbox_events (aggregate_id, id);

-- Row-level security lets no condition look into an index before its own unless it is leakproof, and neither ILIKE nor @>
-- is: as aetherlink_app a search would read every row of the tenant. find_matches.sql therefore names candidates as the role
-- that works across tenants, and what it names is read as aetherlink_app: what a tenant sees is decided there alone.
grant select (tenant_id, id, title, description, tags) on jobs to aetherlink_relay;
grant select (tenant_id, id, name, website) on accounts to aetherlink_relay;
grant select (tenant_id, id, name, email) on contacts to aetherlink_relay;
create policy candidates on jobs for select to aetherlink_relay using (true);
create policy candidates on accounts for select to aetherlink_relay using (true);
create policy candidates on contacts for select to aetherlink_relay using (true);

-- The write functions have new signatures from here on; those of before stay for servers of the version before, until a
-- later migration drops them.
