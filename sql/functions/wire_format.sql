-- JSON as the API and the events show it, built in one place from the row as it is: keys in the order of the wire format,
-- no space between tokens (row_to_json has none), times in RFC 3339, UTC, with milliseconds.

create or replace function rfc3339(t timestamptz) returns text language sql stable as $$
  select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create or replace function etag(version integer) returns text language sql immutable as $$
  select '"v' || version || '"'
$$;

-- An entity: the fields that all have around its own, which are an object that is not empty.
create or replace function entity_json(
  p_id uuid, p_tenant uuid, p_version integer, p_data json, p_created_at timestamptz, p_updated_at timestamptz
) returns text language sql stable as $$
  select '{"id":"' || p_id || '","tenantId":"' || p_tenant || '","version":' || p_version || ','
    || substr(p_data::text, 2, length(p_data::text) - 2)
    || ',"createdAt":"' || rfc3339(p_created_at) || '","updatedAt":"' || rfc3339(p_updated_at) || '"}'
$$;

-- Headers that an entity is answered with.
create or replace function entity_headers(p_version integer, p_location text) returns json language sql immutable as $$
  select json_build_object('Content-Type', 'application/json', 'ETag', etag(p_version), 'Location', p_location)
$$;
