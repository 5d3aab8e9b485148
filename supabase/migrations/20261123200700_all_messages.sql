-- The messages of all conversations: which ones are on a page is read in the index alone, then those.

create or replace function public.list_messages(caller uuid, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = '' set enable_bitmapscan = off set jit = off
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    -- Never null: "or" in the condition below would keep it from the index.
    before_at timestamptz := coalesce((keys ->> 0)::timestamptz, 'infinity');
    before_id uuid := coalesce((keys ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    answer jsonb;
begin
    perform public.check_caller(caller);
    with spoken as (
        -- One look into the index for each conversation: the page is in those whose newest message is newest.
        select newest.conversation_id
        from public.members mine
        cross join lateral (
            select m.conversation_id, m.created_at, m.id
            from public.messages m
            where m.conversation_id = mine.conversation_id and (m.created_at, m.id) < (before_at, before_id)
            order by m.created_at desc, m.id desc
            limit 1
        ) newest
        where mine.user_id = caller
        order by newest.created_at desc, newest.id desc
        limit page_limit + 1
    ), page as materialized (
        -- Which ones, by the index alone: of the many that are looked at few are on the page.
        select found.*, row_number() over (order by found.created_at desc, found.id desc) as position
        from spoken
        cross join lateral (
            select m.created_at, m.id
            from public.messages m
            where m.conversation_id = spoken.conversation_id and (m.created_at, m.id) < (before_at, before_id)
            order by m.created_at desc, m.id desc
            limit page_limit + 1
        ) found
        order by found.created_at desc, found.id desc
        limit page_limit + 1
    )
    select jsonb_build_object(
        'messages', coalesce(jsonb_agg(public.wire_message(m) order by p.position)
            filter (where p.position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then (
            select public.write_cursor(jsonb_build_array(last.created_at, last.id)) from page last
            where last.position = page_limit
        ) end
    ) into answer from page p join public.messages m on m.id = p.id;
    return answer;
end
$$;
