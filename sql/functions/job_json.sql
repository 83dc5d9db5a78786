-- A job's own fields, as its events show them.
create or replace function job_data(j jobs) returns json language sql stable as $$
  select row_to_json(row(
    j.title, j.description, j.status, j.account_id, j.contact_id, rfc3339(j.scheduled_at), amount_json(j.amount, j.currency),
    j.tags, j.attributes
  )::job_fields)
$$;

-- A job as the API shows it.
create or replace function job_json(j jobs) returns text language sql stable as $$
  select row_to_json(row(
    j.id, j.tenant_id, j.version, j.title, j.description, j.status, j.account_id, j.contact_id, rfc3339(j.scheduled_at),
    amount_json(j.amount, j.currency), j.tags, j.attributes, rfc3339(j.created_at), rfc3339(j.updated_at)
  )::job_shown)::text
$$;
