-- Closes a write with a problem (RFC 9457) that only the database can know of. It is kept under the key like a success:
-- the same request gets the same bytes. The table of codes is the part of src/http/problem.ts that is needed here; a test compares them.
create or replace function refuse_write(
  w write_request, p_code text, p_detail text, p_errors json default null, p_etag text default null
) returns write_result language plpgsql as $$
declare
  problem record;
  headers json;
begin
  select * into strict problem from (values
    ('not-found', 404, 'Not found'),
    ('in-use', 409, 'Something still refers to it'),
    ('precondition-failed', 412, 'The entity has changed since'),
    ('invalid-field', 422, 'A field is not valid'),
    ('precondition-required', 428, 'If-Match is required')
  ) as p (code, status, title) where code = p_code;
  headers := case when p_etag is null
    then json_build_object('Content-Type', 'application/problem+json', 'Cache-Control', 'no-store')
    else json_build_object('Content-Type', 'application/problem+json', 'Cache-Control', 'no-store', 'ETag', p_etag) end;
  return finish_write(
    -- Which If-Match was sent is no part of what makes two requests the same: the answer to one without it is not kept.
    case when p_code = 'precondition-required' then
      row(w.tenant_id, null, null, null, null, null, null, null, null, null, null)::write_request else w end,
    problem.status, headers,
    (select row_to_json(b)::text from (
      select 'urn:aetherlink:problem:' || p_code as type, problem.title, problem.status, p_detail as detail,
        w.path as instance, w.request_id as "requestId", coalesce(p_errors, '[]') as errors
    ) b)
  );
end $$;
