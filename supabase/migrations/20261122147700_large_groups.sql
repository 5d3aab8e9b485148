-- What waits for large groups is taken in smaller lots: 200 events for 5,000 people each took 10 s and 40 MB.

create or replace function public.take_outbox(page_limit integer) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    taken jsonb;
begin
    with due as (
        select o.id, o.conversation_id, o.leased_until from public.outbox o
        where o.parked_at is null and o.leased_until <= clock_timestamp()
        order by o.leased_until
        limit page_limit
        for update skip locked
    ), reckoned as (
        -- How many deliveries stand before each. How many know a person nobody has counted: 500 is a guess.
        select due.id, sum(coalesce(c.member_count, 500)) over (
            order by due.leased_until, due.id rows between unbounded preceding and 1 preceding
        ) as before
        from due left join public.conversations c on c.id = due.conversation_id
    ), leased as (
        update public.outbox o set leased_until = clock_timestamp() + interval '30 seconds'
        from reckoned r where o.id = r.id and coalesce(r.before, 0) < 50000
        returning o.*
    )
    select coalesce(jsonb_agg(public.wire_outbox_row(l::public.outbox) order by l.created_at, l.seq), '[]')
    into taken from leased l;
    return taken;
end
$$;
comment on function public.take_outbox is
    'Leases what is overdue for 30 s and returns it as deliveries, up to page_limit or 50,000 recipients. Several '
    'processes never take the same row.';
