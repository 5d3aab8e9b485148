-- Messages, and how they, conversations and log entries look on the wire.

create table public.messages (
    id uuid not null constraint messages_pkey primary key,
    conversation_id uuid not null constraint messages_conversation_id_fkey references public.conversations (id),
    seq bigint not null,
    changed_seq bigint not null,
    sender_id uuid not null constraint messages_sender_id_fkey references public.users (id),
    content text constraint messages_content_length check (length(content) between 1 and 8000),
    request_hash text not null,
    reply_to uuid constraint messages_reply_to_fkey references public.messages (id),
    created_at timestamptz not null default clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz,
    -- A page of history: one conversation from a seq downwards or upwards.
    constraint messages_conversation_id_seq_key unique (conversation_id, seq),
    constraint messages_tombstones_are_empty check ((deleted_at is null) = (content is not null))
);
comment on table public.messages is 'id is made by the sender and unique for ever; request_hash is that of the first request, so edits do not matter to a resend.';

alter table public.messages enable row level security;
create policy messages_for_services on public.messages to service_role using (true) with check (true);

create function public.wire_message(message public.messages) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'id', message.id,
    'conversation_id', message.conversation_id,
    'seq', message.seq,
    'changed_seq', message.changed_seq,
    'sender_id', message.sender_id,
    'content', message.content,
    'reply_to', message.reply_to,
    'attachments', '[]'::jsonb,
    'reactions', '[]'::jsonb,
    'created_at', public.wire_time(message.created_at),
    'edited_at', public.wire_time(message.edited_at),
    'deleted_at', public.wire_time(message.deleted_at)
);
comment on function public.wire_message is 'A Message.';

create function public.wire_conversation(conversation public.conversations) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'id', conversation.id,
    'kind', conversation.kind,
    'name', conversation.name,
    'owner_ids', (
        select coalesce(jsonb_agg(m.user_id order by m.joined_at, m.user_id), '[]')
        from public.members m where m.conversation_id = conversation.id and m.role = 'owner'
    ),
    'member_count', conversation.member_count,
    'members', (
        select coalesce(jsonb_agg(public.wire_user(u) order by shown.joined_at, u.id), '[]')
        from (
            select m.user_id, m.joined_at from public.members m where m.conversation_id = conversation.id
            order by m.joined_at, m.user_id limit 20
        ) shown join public.users u on u.id = shown.user_id
    ),
    'last_seq', conversation.last_seq,
    'last_message', (
        select public.wire_message(m) from public.messages m
        where m.conversation_id = conversation.id order by m.seq desc limit 1
    ),
    'created_at', public.wire_time(conversation.created_at)
);
comment on function public.wire_conversation is 'A Conversation as events show it: the same for every member.';

create function public.count_unread(caller uuid, conversation_id uuid, after_seq bigint) returns integer
language sql stable set search_path = ''
return (
    select count(*)::integer from (
        select from public.messages m
        where m.conversation_id = count_unread.conversation_id and m.seq > after_seq
          and m.sender_id <> caller and m.deleted_at is null
        limit 999
    ) counted
);
comment on function public.count_unread is 'Messages of others, not deleted, above a seq, counted to 999.';

create function public.wire_conversation_for(caller uuid, conversation public.conversations) returns jsonb
language sql stable set search_path = ''
return (
    select public.wire_conversation(conversation) || jsonb_build_object(
        'last_read_seq', m.last_read_seq,
        'unread', public.count_unread(caller, conversation.id, m.last_read_seq),
        'muted', false,
        'peer', case conversation.kind when 'direct' then (
            select public.wire_user(u) from public.users u
            where u.id = case caller when conversation.direct_low then conversation.direct_high
                                     else conversation.direct_low end
        ) end
    )
    from public.members m where m.conversation_id = conversation.id and m.user_id = caller
);
comment on function public.wire_conversation_for is 'A Conversation as one member sees it: with read position, unread and peer.';

create function public.wire_log_entry(entry public.conversation_log) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'seq', entry.seq,
    'event', entry.event,
    'data', jsonb_build_object('conversation_id', entry.conversation_id, 'seq', entry.seq) || case
        when entry.message_id is not null then jsonb_build_object('message', (
            select public.wire_message(m) from public.messages m where m.id = entry.message_id
        ))
        when entry.event like 'conversation.%' then jsonb_build_object('conversation', (
            select public.wire_conversation(c) from public.conversations c where c.id = entry.conversation_id
        ))
        else jsonb_build_object(
            'user', (select public.wire_user(u) from public.users u where u.id = entry.user_id),
            'member_count', (select c.member_count from public.conversations c where c.id = entry.conversation_id)
        )
    end
);
comment on function public.wire_log_entry is 'An event of the log with its subject as it is now.';

revoke all on table public.messages from public, anon, authenticated;
grant select, insert, update, delete on table public.messages to service_role;
revoke all on function public.wire_message, public.wire_conversation, public.count_unread,
    public.wire_conversation_for, public.wire_log_entry from public, anon, authenticated;
grant execute on function public.wire_message, public.wire_conversation, public.count_unread,
    public.wire_conversation_for, public.wire_log_entry to service_role;
