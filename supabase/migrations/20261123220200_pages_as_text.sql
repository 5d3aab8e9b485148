-- Pages are written as text. jsonb sorts the keys of each object, copies it into each object around it and is written out
-- in the end: of a page of fifty messages that was more than all else together.

create function public.write_message(message public.messages) returns json
language sql stable
return json_build_object(
    'id', message.id,
    'conversation_id', message.conversation_id,
    'seq', message.seq,
    'changed_seq', message.changed_seq,
    'sender_id', message.sender_id,
    'content', message.content,
    'reply_to', message.reply_to,
    'attachments', '[]'::json,
    'reactions', '[]'::json,
    'created_at', public.wire_time(message.created_at),
    'edited_at', public.wire_time(message.edited_at),
    'deleted_at', public.wire_time(message.deleted_at)
);
comment on function public.write_message is 'What wire_message says, as text.';

create function public.write_user(person public.users) returns json
language sql stable
return json_build_object(
    'id', person.id,
    'name', case when person.deleted_at is null then person.name else 'Deleted user' end,
    'avatar_url', case when person.deleted_at is null then person.avatar_url end,
    'created_at', public.wire_time(person.created_at),
    'deleted_at', public.wire_time(person.deleted_at)
);
comment on function public.write_user is 'What wire_user says, as text.';

drop function public.list_history, public.list_changes, public.list_conversations;

create function public.list_history(
    caller uuid, conversation_id uuid, peer uuid, before_seq bigint, after_seq bigint, page_limit integer
) returns json
language plpgsql stable set search_path = ''
as $$
declare
    read_id uuid := conversation_id;
    below bigint := coalesce(before_seq, 9223372036854775807);
    messages json;
    has_more boolean;
begin
    if peer is not null then
        perform public.check_caller(caller);
        read_id := public.find_direct(caller, public.find_recipient(caller, peer::text));
        if read_id is null then
            return json_build_object('conversation_id', null, 'messages', '[]'::json, 'has_more', false, 'last_seq', 0);
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
        select coalesce(json_agg(public.write_message(m) order by p.seq) filter (where p.position <= page_limit), '[]'),
               count(*) > page_limit
        into messages, has_more from page p;
    else
        with page as (
            select m, m.seq, row_number() over (order by m.seq desc) as position
            from public.messages m
            where m.conversation_id = read_id and m.seq < below
            order by m.seq desc
            limit page_limit + 1
        )
        select coalesce(json_agg(public.write_message(m) order by p.seq) filter (where p.position <= page_limit), '[]'),
               count(*) > page_limit
        into messages, has_more from page p;
    end if;
    return (
        select json_build_object(
            'conversation_id', c.id, 'messages', messages, 'has_more', has_more, 'last_seq', c.last_seq
        )
        from public.conversations c where c.id = read_id
    );
end
$$;
comment on function public.list_history is
    'A page of messages, ascending: the newest, or those below before_seq, or those above after_seq. By conversation, or by peer.';

create function public.list_changes(caller uuid, conversation_id uuid, after_seq bigint, page_limit integer)
returns json
language plpgsql stable set search_path = ''
as $$
declare
    newest bigint;
begin
    perform public.check_member(caller, conversation_id);
    select c.last_seq into newest from public.conversations c where c.id = list_changes.conversation_id;
    if newest - after_seq > 1000 then
        return json_build_object('events', '[]'::json, 'last_seq', newest, 'reset', true);
    end if;
    return json_build_object(
        'events', (
            select coalesce(json_agg(
                case when page.message_id is null then public.wire_log_entry(page::public.conversation_log)::json
                     else json_build_object(
                        'seq', page.seq,
                        'event', page.event,
                        'data', json_build_object(
                            'conversation_id', page.conversation_id,
                            'seq', page.seq,
                            'message', (select public.write_message(m) from public.messages m where m.id = page.message_id)
                        )
                     )
                end order by page.seq
            ), '[]')
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

create function public.list_conversations(caller uuid, page_limit integer, cursor text) returns json
language plpgsql stable set search_path = '' set enable_bitmapscan = off set jit = off
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    before_at timestamptz := coalesce((keys ->> 0)::timestamptz, 'infinity');
    before_id uuid := coalesce((keys ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    answer json;
begin
    perform public.check_caller(caller);
    with page as materialized (
        select c.*, mine.last_read_seq, row_number() over (order by c.changed_at desc, c.id desc) as position
        from public.members mine
        join public.conversations c on c.id = mine.conversation_id
        where mine.user_id = caller and (c.changed_at, c.id) < (before_at, before_id)
        order by c.changed_at desc, c.id desc
        limit page_limit + 1
    )
    select json_build_object(
        'conversations', coalesce(json_agg(json_build_object(
            -- As wire_conversation_for has it.
            'id', p.id,
            'kind', p.kind,
            'name', p.name,
            'owner_ids', (
                select coalesce(json_agg(m.user_id order by m.joined_at, m.user_id), '[]')
                from public.members m where m.conversation_id = p.id and m.role = 'owner'
            ),
            'member_count', p.member_count,
            'members', (
                select coalesce(json_agg(public.write_user(u) order by shown.joined_at, u.id), '[]')
                from (
                    select m.user_id, m.joined_at from public.members m where m.conversation_id = p.id
                    order by m.joined_at, m.user_id limit 20
                ) shown join public.users u on u.id = shown.user_id
            ),
            'last_seq', p.last_seq,
            'last_message', (
                select public.write_message(m) from public.messages m
                where m.conversation_id = p.id order by m.seq desc limit 1
            ),
            'created_at', public.wire_time(p.created_at),
            'last_read_seq', p.last_read_seq,
            'unread', (
                select count(*) from (
                    select from public.messages m
                    where m.conversation_id = p.id and m.seq > p.last_read_seq
                      and m.sender_id <> caller and m.deleted_at is null
                    limit 999
                ) counted
            ),
            'muted', false,
            'peer', case p.kind when 'direct' then (
                select public.write_user(u) from public.users u
                where u.id = case caller when p.direct_low then p.direct_high else p.direct_low end
            ) end
        ) order by p.position) filter (where p.position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then (
            select public.write_cursor(jsonb_build_array(last.changed_at, last.id)) from page last
            where last.position = page_limit
        ) end
    ) into answer from page p;
    return answer;
end
$$;
comment on function public.list_conversations is 'The caller''s conversations, newest change first.';

revoke all on function public.write_message, public.write_user, public.list_history, public.list_changes,
    public.list_conversations from public, anon, authenticated;
grant execute on function public.write_message, public.write_user, public.list_history, public.list_changes,
    public.list_conversations to service_role;
