-- A job's own fields, as its events and its answers show them.
create or replace function job_data(j jobs) returns json language sql stable as $$
  select (select row_to_json(d) from (
    select j.title, j.description, j.status, j.account_id as "accountId", j.contact_id as "contactId",
      rfc3339(j.scheduled_at) as "scheduledAt",
      case when j.amount is not null then json_build_object('value', j.amount::text, 'currency', j.currency) end as amount,
      j.tags, j.attributes
  ) d)
$$;

create or replace function job_json(j jobs) returns text language sql stable as $$
  select entity_json(j.id, j.tenant_id, j.version, job_data(j), j.created_at, j.updated_at)
$$;
