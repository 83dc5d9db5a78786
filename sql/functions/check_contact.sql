-- What only the database can find wrong with a contact that is about to be written, see check_job.sql.
create or replace function check_contact(c contacts) returns json[] language plpgsql as $$
begin
  if c.account_id is not null then
    perform 1 from accounts a where a.tenant_id = c.tenant_id and a.id = c.account_id for key share;
    if not found then
      return array[json_build_object('pointer', '#/accountId', 'detail', 'must be the id of an account, and there is none with this id')];
    end if;
  end if;
  return '{}';
end $$;

-- The contact as the patch would have it. A field that the patch does not name stays; null clears.
create or replace function patched_contact(c contacts, p jsonb) returns contacts language plpgsql as $$
begin
  if p ? 'name' then c.name := p ->> 'name'; end if;
  if p ? 'email' then c.email := p ->> 'email'; end if;
  if p ? 'phone' then c.phone := p ->> 'phone'; end if;
  if p ? 'accountId' then c.account_id := p ->> 'accountId'; end if;
  return c;
end $$;
