-- Statistics from a quiet time say that next to no event is unpublished. The index on event_id then looked like the cheapest way in
-- for every statement that says "published_at is null", and each read all of a new backlog. It stands open to those alone that
-- look up an event by its id now, which say the same in its own words.
create unique index outbox_events_unpublished_event_id on outbox_events (event_id)
  where coalesce(published_at, '-infinity') = '-infinity';
drop index outbox_events_event_id;

-- A search of a tenant that the statistics do not know reads all its rows: look again after 1 % of new ones, not 10.
alter table jobs set (autovacuum_analyze_scale_factor = 0.01);
alter table accounts set (autovacuum_analyze_scale_factor = 0.01);
alter table contacts set (autovacuum_analyze_scale_factor = 0.01);
