-- The condition that every pattern of a search matches an expression, as text; null when nothing is searched.
create or replace function search_condition(p_expression text, p_query jsonb) returns text language sql immutable as $$
  select string_agg(format(' and %s ilike ($2 #>> ''{like,%s}'')', p_expression, i), '')
  from generate_series(0, coalesce(jsonb_array_length(p_query -> 'like'), 0) - 1) i
$$;
