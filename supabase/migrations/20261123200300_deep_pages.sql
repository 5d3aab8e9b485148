-- A deep page costs what the newest one does, and a sweep only what is due. Conditions an index can use: "or … is null"
-- kept the generic plan of a page from it, which then read all that is newer, and a volatile clock that of the sweep.

create or replace function public.list_history(
    caller uuid, conversation_id uuid, peer uuid, before_seq bigint, after_seq bigint, page_limit integer
) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    read_id uuid := conversation_id;
    below bigint := coalesce(before_seq, 9223372036854775807);
    answer jsonb;
begin
    if peer is not null then
        perform public.check_caller(caller);
        read_id := public.find_direct(caller, public.find_recipient(caller, peer::text));
        if read_id is null then
            return jsonb_build_object('conversation_id', null, 'messages', '[]'::jsonb, 'has_more', false, 'last_seq', 0);
        end if;
    end if;
    perform public.check_member(caller, read_id);
    if after_seq is not null then
        with page as (
            select m, m.seq, row_number() over (order by m.seq) as position
            from public.messages m
            where m.conversation_id = read_id and m.seq > after_seq and m.seq < below
            order by m.seq
            limit page_limit + 1
        )
        select jsonb_build_object(
            'messages', coalesce(jsonb_agg(public.wire_message(m) order by p.seq)
                filter (where p.position <= page_limit), '[]'),
            'has_more', count(*) > page_limit
        ) into answer from page p;
    else
        with page as (
            select m, m.seq, row_number() over (order by m.seq desc) as position
            from public.messages m
            where m.conversation_id = read_id and m.seq < below
            order by m.seq desc
            limit page_limit + 1
        )
        select jsonb_build_object(
            'messages', coalesce(jsonb_agg(public.wire_message(m) order by p.seq)
                filter (where p.position <= page_limit), '[]'),
            'has_more', count(*) > page_limit
        ) into answer from page p;
    end if;
    return answer || (
        select jsonb_build_object('conversation_id', c.id, 'last_seq', c.last_seq)
        from public.conversations c where c.id = read_id
    );
end
$$;

create or replace function public.take_outbox(page_limit integer) returns jsonb
language plpgsql set search_path = '' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    taken_at timestamptz := clock_timestamp();
    taken jsonb;
begin
    with due as materialized (
        select o.id, o.conversation_id, o.leased_until from public.outbox o
        where o.parked_at is null and o.leased_until <= taken_at
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
