-- JSON merge patch of one object by another: https://www.rfc-editor.org/rfc/rfc7396#section-2
create or replace function merge_patch(target jsonb, patch jsonb) returns jsonb language plpgsql immutable as $$
begin
  return (
    select coalesce(jsonb_object_agg(
      coalesce(p.key, t.key),
      case
        when p.key is null then t.value
        when jsonb_typeof(p.value) <> 'object' then p.value
        else merge_patch(case when jsonb_typeof(t.value) = 'object' then t.value else '{}' end, p.value)
      end
    ), '{}')
    from jsonb_each(target) t full join jsonb_each(patch) p on p.key = t.key
    where p.key is null or jsonb_typeof(p.value) <> 'null'
  );
end $$;
