-- What only the database can find wrong with a job that is about to be written: references to nothing, and attributes that
-- are too large as a whole, which those of a patch can be although each part was not.
-- The rows referred to are locked as a foreign key would, so that they are still there when the job is.
create or replace function check_job(j jobs, p_at text) returns json[] language plpgsql as $$
declare
  errors json[] := '{}';
begin
  if j.account_id is not null then
    perform 1 from accounts a where a.tenant_id = j.tenant_id and a.id = j.account_id for key share;
    if not found then
      errors := errors || json_build_object('pointer', p_at || '/accountId', 'detail', 'must be the id of an account, and there is none with this id');
    end if;
  end if;
  if j.contact_id is not null then
    perform 1 from contacts c where c.tenant_id = j.tenant_id and c.id = j.contact_id for key share;
    if not found then
      errors := errors || json_build_object('pointer', p_at || '/contactId', 'detail', 'must be the id of a contact, and there is none with this id');
    end if;
  end if;
  if octet_length(j.attributes::text) > 32768 then
    errors := errors || json_build_object('pointer', p_at || '/attributes', 'detail', 'must be at most 32768 bytes as JSON, a blank behind each colon and comma counted');
  end if;
  return errors;
end $$;
