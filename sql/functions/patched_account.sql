-- The account as the patch would have it. A field that the patch does not name stays; null clears. An address of which
-- nothing is left is none.
create or replace function patched_account(a accounts, p jsonb) returns accounts language plpgsql as $$
begin
  if p ? 'name' then a.name := p ->> 'name'; end if;
  if p ? 'industry' then a.industry := p ->> 'industry'; end if;
  if p ? 'phone' then a.phone := p ->> 'phone'; end if;
  if p ? 'website' then a.website := p ->> 'website'; end if;
  if jsonb_typeof(p -> 'address') = 'object' then
    a.address := nullif(jsonb_strip_nulls(merge_patch(coalesce(a.address, '{}'), p -> 'address')), '{}');
  elsif p ? 'address' then
    a.address := null;
  end if;
  return a;
end $$;
