-- Holds a write against If-Match. Call it with the entity's row locked.
-- Null when the write may go on, else the refusal.
create or replace function check_version(w write_request, p_version integer) returns write_result language plpgsql as $$
begin
  if w.is_unconditional then
    return refuse_write(w, 'precondition-required', 'Send If-Match with the ETag of the version that you mean to change',
      '[{"header":"If-Match","detail":"is missing: it must be the ETag of a GET, or *"}]', etag(p_version));
  end if;
  if p_version = any (w.if_match) or w.if_match is null then
    return null;
  end if;
  return refuse_write(w, 'precondition-failed', format('The entity is at version %s now: read it again, then decide', p_version),
    json_build_array(json_build_object('header', 'If-Match', 'detail', format('must be %s', etag(p_version)))), etag(p_version));
end $$;
