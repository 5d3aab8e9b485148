-- All of a person's messages, newest first.

-- list_messages: of one conversation those before a moment.
create index messages_conversation_id_created_at_idx on public.messages (conversation_id, created_at, id);

create function public.list_messages(caller uuid, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
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
    ), page as (
        select found.*, row_number() over (order by found.created_at desc, found.id desc) as position
        from spoken
        cross join lateral (
            select m as message, m.created_at, m.id
            from public.messages m
            where m.conversation_id = spoken.conversation_id and (m.created_at, m.id) < (before_at, before_id)
            order by m.created_at desc, m.id desc
            limit page_limit + 1
        ) found
        order by found.created_at desc, found.id desc
        limit page_limit + 1
    )
    select jsonb_build_object(
        'messages', coalesce(jsonb_agg(public.wire_message(message) order by position)
            filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(created_at, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.list_messages is 'The messages of all the caller''s conversations by (created_at, id), newest first.';

revoke all on function public.list_messages from public, anon, authenticated;
grant execute on function public.list_messages to service_role;
