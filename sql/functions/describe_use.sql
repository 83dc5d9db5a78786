-- What a deletion is refused with: which kind of entity refers to the one in the path, how many do, and the oldest five.
-- p_ids are the oldest 1,001 at most: more are not counted, for somebody waits for the answer.
create or replace function describe_use(p_kind text, p_ids uuid[]) returns json[] language sql immutable as $$
  select case when cardinality(p_ids) = 0 then '{}'::json[] else array[(select row_to_json(u) from (
    select 'id' as parameter,
      format('is referred to by %s %s', case when cardinality(p_ids) > 1000 then 'more than 1000' else cardinality(p_ids)::text end,
        case when cardinality(p_ids) = 1 then left(p_kind, -1) else p_kind end) as detail,
      p_kind as kind, least(cardinality(p_ids), 1000) as count, p_ids[1:5] as ids
  ) u)] end
$$;
