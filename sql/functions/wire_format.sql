-- JSON as the API and the events show it, built in one place from the row as it is: keys in the order of the wire format,
-- no space between tokens (row_to_json has none), times in RFC 3339, UTC, with milliseconds.

create or replace function rfc3339(t timestamptz) returns text language sql stable as $$
  select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create or replace function etag(version integer) returns text language sql immutable as $$
  select '"v' || version || '"'
$$;

create or replace function amount_json(amount numeric, currency text) returns json language sql stable as $$
  select case when amount is not null then row_to_json(row(amount::text, currency)::amount_shown) end
$$;

-- All fields of an address, also those that it has not.
create or replace function address_json(address jsonb) returns json language sql stable as $$
  select case when address is not null then row_to_json(row(
    address ->> 'street', address ->> 'city', address ->> 'postalCode', address ->> 'region', address ->> 'country'
  )::address_shown) end
$$;

-- Headers that an entity is answered with.
create or replace function entity_headers(p_version integer, p_location text) returns json language sql immutable as $$
  select json_build_object('Content-Type', 'application/json', 'ETag', etag(p_version), 'Location', p_location)
$$;
