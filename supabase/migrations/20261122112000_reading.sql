-- Reading: history, changes, one message, the conversation list, members, read positions.

create function public.list_history(
    caller uuid, conversation_id uuid, peer uuid, before_seq bigint, after_seq bigint, page_limit integer
) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    read_id uuid := conversation_id;
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
            where m.conversation_id = read_id and m.seq > after_seq and (before_seq is null or m.seq < before_seq)
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
            where m.conversation_id = read_id and (before_seq is null or m.seq < before_seq)
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
comment on function public.list_history is
    'A page of messages, ascending: the newest, or those below before_seq, or those above after_seq. By conversation, or by peer.';

create function public.list_changes(caller uuid, conversation_id uuid, after_seq bigint, page_limit integer)
returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    newest bigint;
begin
    perform public.check_member(caller, conversation_id);
    select c.last_seq into newest from public.conversations c where c.id = list_changes.conversation_id;
    if newest - after_seq > 1000 then
        return jsonb_build_object('events', '[]'::jsonb, 'last_seq', newest, 'reset', true);
    end if;
    return jsonb_build_object(
        'events', (
            select coalesce(jsonb_agg(public.wire_log_entry(page::public.conversation_log) order by page.seq), '[]')
            from (
                select * from public.conversation_log entry
                where entry.conversation_id = list_changes.conversation_id
                  and entry.seq > after_seq and entry.seq <= newest
                order by entry.seq
                limit page_limit
            ) page
        ),
        'last_seq', newest,
        'reset', false
    );
end
$$;
comment on function public.list_changes is
    'The log above after_seq as events, ascending; reset instead when more than 1,000 behind.';

create function public.get_message(caller uuid, message_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    answer jsonb;
begin
    perform public.check_caller(caller);
    select public.wire_message(m) into answer
    from public.messages m
    join public.members mine on mine.conversation_id = m.conversation_id and mine.user_id = caller
    where m.id = message_id;
    if answer is null then
        perform public.refuse(404, 'message_not_found');
    end if;
    return answer;
end
$$;
comment on function public.get_message is 'One message of a conversation of the caller''s. 404 message_not_found.';

create function public.get_conversation(caller uuid, conversation_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_member(caller, conversation_id);
    return (
        select public.wire_conversation_for(caller, c)
        from public.conversations c where c.id = get_conversation.conversation_id
    );
end
$$;
comment on function public.get_conversation is 'One conversation as the caller sees it. 404 conversation_not_found.';

create function public.list_conversations(caller uuid, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    answer jsonb;
begin
    perform public.check_caller(caller);
    with page as (
        select c, c.changed_at, c.id, row_number() over (order by c.changed_at desc, c.id desc) as position
        from public.members mine
        join public.conversations c on c.id = mine.conversation_id
        where mine.user_id = caller
          and (keys is null or (c.changed_at, c.id) < ((keys ->> 0)::timestamptz, (keys ->> 1)::uuid))
        order by c.changed_at desc, c.id desc
        limit page_limit + 1
    )
    select jsonb_build_object(
        'conversations', coalesce(jsonb_agg(public.wire_conversation_for(caller, c) order by position)
            filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(changed_at, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.list_conversations is 'The caller''s conversations, newest change first.';

create function public.list_members(caller uuid, conversation_id uuid, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    answer jsonb;
begin
    perform public.check_member(caller, conversation_id);
    with page as (
        select m, u, lower(u.name) as sort_name, u.id,
               row_number() over (order by lower(u.name), u.id) as position
        from public.members m join public.users u on u.id = m.user_id
        where m.conversation_id = list_members.conversation_id
          and (keys is null or (lower(u.name), u.id) > (keys ->> 0, (keys ->> 1)::uuid))
        order by lower(u.name), u.id
        limit page_limit + 1
    )
    select jsonb_build_object(
        'members', coalesce(jsonb_agg(jsonb_build_object(
            'user', public.wire_user(u),
            'role', (m).role,
            'joined_at', public.wire_time((m).joined_at),
            'last_read_seq', (m).last_read_seq
        ) order by position) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(sort_name, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.list_members is 'Who is in a conversation, by (lower(name), id). 404 conversation_not_found.';

create function public.mark_read(caller uuid, conversation_id uuid, read_seq bigint) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    old_seq bigint;
    new_seq bigint;
    readers integer;
begin
    perform public.check_member(caller, conversation_id);
    select m.last_read_seq into old_seq from public.members m
    where m.conversation_id = mark_read.conversation_id and m.user_id = caller
    for update;
    select greatest(old_seq, least(read_seq, c.last_seq)), c.member_count into new_seq, readers
    from public.conversations c where c.id = mark_read.conversation_id;
    if new_seq > old_seq then
        update public.members m set last_read_seq = new_seq
        where m.conversation_id = mark_read.conversation_id and m.user_id = caller;
    end if;
    return jsonb_build_object(
        'last_read_seq', new_seq,
        'unread', public.count_unread(caller, conversation_id, new_seq),
        'to', case
            when new_seq = old_seq then '[]'::jsonb
            when readers <= 100 then public.list_recipients(conversation_id)
            else jsonb_build_array(caller)
        end
    );
end
$$;
comment on function public.mark_read is
    'Moves the caller''s read position forward, at most to last_seq: {last_read_seq, unread, to: who should hear of it}.';

create function public.list_typing_recipients(caller uuid, conversation_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_member(caller, conversation_id);
    return (
        select case when c.member_count <= 100
                    then public.list_recipients(c.id) - caller::text else '[]'::jsonb end
        from public.conversations c where c.id = list_typing_recipients.conversation_id
    );
end
$$;
comment on function public.list_typing_recipients is 'Who is shown that the caller types: the others, in conversations of at most 100.';

revoke all on function public.list_history, public.list_changes, public.get_message, public.get_conversation,
    public.list_conversations, public.list_members, public.mark_read, public.list_typing_recipients
    from public, anon, authenticated;
grant execute on function public.list_history, public.list_changes, public.get_message, public.get_conversation,
    public.list_conversations, public.list_members, public.mark_read, public.list_typing_recipients
    to service_role;
