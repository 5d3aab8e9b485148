-- After an outage of the broker much waits, and is taken from its beginning: what a take costs must not grow with it.

create or replace function public.take_kafka_outbox(page_limit integer) returns jsonb
language plpgsql set search_path = ''
-- Along kafka_outbox_next_idx, whatever the statistics say: they may be from before the outage, of an empty table.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_nestloop = off
set jit = off
as $$
declare
    looks_at bigint;
    seen bigint;
    due uuid[];
    taken jsonb;
begin
    -- One take at a time, so that each sees the leases of the one before it and no key is published by two at once.
    -- Whoever finds it taken asks again soon: a client that stops reading must not make others wait here.
    if not pg_try_advisory_xact_lock(hashtext('public.take_kafka_outbox')) then
        return jsonb_build_object('ids', '[]'::jsonb, 'busy', true);
    end if;
    -- Further only when all of the oldest are of keys that are being published. What stands behind even more of them
    -- waits until they are, or until their lease has ended.
    foreach looks_at in array array[10, 100] loop
        looks_at := looks_at * page_limit;
        -- From the first row again, and the busy keys by the same snapshot: a row that was committed between two looks
        -- would else be overtaken by a later one of its key.
        with busy as materialized (
            select distinct k.key from public.kafka_outbox k
            where k.leased_until > clock_timestamp() and k.parked_at is null
        ), oldest as materialized (
            select k.id, k.key, k.position from public.kafka_outbox k
            where k.parked_at is null
            order by k.position
            limit looks_at
        )
        select
            array(
                select o.id from oldest o
                where not exists (select from busy b where b.key = o.key)
                order by o.position
                limit page_limit
            ),
            (select count(*) from oldest)
        into due, seen;
        exit when cardinality(due) > 0 or seen < looks_at;
    end loop;
    with free as materialized (
        select k.id, k.key from public.kafka_outbox k where k.id = any (due) for update skip locked
    ), held as materialized (
        -- Being released at this moment, perhaps: nothing of its key may overtake it.
        select k.key from public.kafka_outbox k where k.id = any (due) and k.id not in (select f.id from free f)
    ), leased as (
        update public.kafka_outbox k set leased_until = clock_timestamp() + interval '15 seconds'
        where k.id = any (array(select f.id from free f where f.key not in (select h.key from held h)))
        returning k.id, k.position
    )
    select coalesce(jsonb_agg(l.id order by l.position), '[]') into taken from leased l;
    return jsonb_build_object('ids', taken, 'busy', taken = '[]' and cardinality(due) > 0);
end
$$;
