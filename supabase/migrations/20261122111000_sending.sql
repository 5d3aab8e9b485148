-- Opening a direct conversation, and sending: the two writes of a message's journey.

create function public.find_recipient(caller uuid, recipient text) returns uuid
language plpgsql stable set search_path = ''
as $$
declare
    found_id uuid;
begin
    if recipient ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        select u.id into found_id from public.users u where u.id = recipient::uuid;
    else
        select u.id into found_id from public.users u where lower(u.email) = lower(recipient) and u.deleted_at is null;
    end if;
    if found_id is null then
        perform public.refuse(404, 'user_not_found');
    elsif found_id = caller then
        perform public.refuse(422, 'own_conversation', '{"message": "Nobody writes to themselves here."}');
    end if;
    return found_id;
end
$$;
comment on function public.find_recipient is 'The person behind a user id or an exact email. 404 user_not_found, 422 for yourself.';

create function public.find_direct(one uuid, other uuid) returns uuid
language sql stable set search_path = ''
return (
    select c.id from public.conversations c
    where c.direct_low = least(one, other) and c.direct_high = greatest(one, other)
);
comment on function public.find_direct is 'The direct conversation of two people, or null.';

create function public.open_direct(caller uuid, recipient text) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    other uuid;
    opened public.conversations;
    queued public.outbox;
begin
    perform public.check_caller(caller);
    other := public.find_recipient(caller, recipient);
    opened.id := public.find_direct(caller, other);
    if opened.id is null and exists (select from public.users where id = other and deleted_at is not null) then
        perform public.refuse(404, 'user_not_found');
    end if;
    if opened.id is null then
        -- Whoever comes second waits here for the first to commit, and then finds that row below.
        insert into public.conversations (kind, direct_low, direct_high, last_seq, member_count)
        values ('direct', least(caller, other), greatest(caller, other), 1, 2)
        on conflict on constraint conversations_direct_key do nothing
        returning * into opened;
    else
        return jsonb_build_object('conversation_id', opened.id, 'created', false, 'delivery', null);
    end if;
    if opened.id is null then
        return jsonb_build_object(
            'conversation_id', public.find_direct(caller, other), 'created', false, 'delivery', null
        );
    end if;
    insert into public.members (conversation_id, user_id) values (opened.id, caller), (opened.id, other);
    insert into public.conversation_log (conversation_id, seq, event, user_id)
    values (opened.id, 1, 'conversation.created', caller);
    insert into public.outbox (conversation_id, seq, leased_until) values (opened.id, 1, public.first_lease())
    returning * into queued;
    return jsonb_build_object(
        'conversation_id', opened.id, 'created', true, 'delivery', public.wire_outbox_row(queued)
    );
end
$$;
comment on function public.open_direct is
    'The direct conversation of the caller and a user id or exact email, made if need be: {conversation_id, created, delivery}.';

create function public.send_messages(messages jsonb) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    sent_at timestamptz;
    answer jsonb;
    taken bigint;
    written bigint;
begin
    -- Always in id order: unsorted batches deadlock with each other.
    perform from public.conversations c
    where c.id in (select (value ->> 'conversation_id')::uuid from jsonb_array_elements(messages))
    order by c.id for no key update;
    -- After the lock, so that created_at follows seq. The next statement's snapshot sees all that was committed before.
    sent_at := clock_timestamp();

    with item as materialized (
        select position,
               (value ->> 'id')::uuid as id,
               (value ->> 'sender_id')::uuid as sender_id,
               (value ->> 'conversation_id')::uuid as conversation_id,
               value ->> 'content' as content,
               (value ->> 'reply_to')::uuid as reply_to,
               value ->> 'request_hash' as request_hash,
               row_number() over (partition by value ->> 'id' order by position) as nth
        from jsonb_array_elements(messages) with ordinality as listed (value, position)
    ), judged as materialized (
        select item.*, case
            when known.id is not null then 'known'
            when not exists (select from public.users u where u.id = item.sender_id and u.deleted_at is null)
                then 'account_unknown'
            when not exists (
                select from public.members m
                where m.conversation_id = item.conversation_id and m.user_id = item.sender_id
            ) then 'conversation_not_found'
            when item.reply_to is not null and not exists (
                select from public.messages r where r.id = item.reply_to and r.conversation_id = item.conversation_id
            ) and not exists (
                -- Or to one sent with it. Should that one be refused, the foreign key undoes all, and each goes alone.
                select from item earlier
                where earlier.id = item.reply_to and earlier.conversation_id = item.conversation_id
                  and earlier.position < item.position
            ) then 'message_not_found'
            when item.nth > 1 then 'repeated'
            else 'fresh'
        end as verdict
        from item left join public.messages known on known.id = item.id
    ), numbered as materialized (
        select j.*, c.last_seq + row_number() over (partition by j.conversation_id order by j.position) as seq
        from judged j join public.conversations c on c.id = j.conversation_id
        where j.verdict = 'fresh'
    ), bumped as (
        update public.conversations c set last_seq = top.seq, changed_at = sent_at
        from (select n.conversation_id, max(n.seq) as seq from numbered n group by n.conversation_id) top
        where c.id = top.conversation_id
        returning c.id
    ), inserted as (
        insert into public.messages
            (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, reply_to, created_at)
        select n.id, n.conversation_id, n.seq, n.seq, n.sender_id, n.content, n.request_hash, n.reply_to, sent_at
        from numbered n
        on conflict on constraint messages_pkey do nothing -- the same id sent to another conversation just now
        returning *
    ), logged as (
        insert into public.conversation_log (conversation_id, seq, event, message_id, created_at)
        select i.conversation_id, i.seq, 'message.sent', i.id, sent_at from inserted i
        returning conversation_id, seq
    ), queued as (
        insert into public.outbox (conversation_id, seq, leased_until)
        select l.conversation_id, l.seq, public.first_lease() from logged l
        returning id, conversation_id, seq
    ), answered as (
        select j.position, case
            when j.verdict = 'fresh' then jsonb_build_object(
                'status', 201,
                'message', public.wire_message(i::public.messages),
                'outbox_id', q.id
            )
            when j.verdict in ('known', 'repeated') and m.id is null and i.id is null
                then jsonb_build_object('status', 409, 'code', 'message_id_taken')
            when j.verdict in ('known', 'repeated')
             and coalesce(m.sender_id, i.sender_id) = j.sender_id
             and coalesce(m.request_hash, i.request_hash) = j.request_hash
                then jsonb_build_object(
                    'status', 200,
                    'message', case when m.id is not null then public.wire_message(m)
                                    else public.wire_message(i::public.messages) end
                )
            when j.verdict in ('known', 'repeated')
                then jsonb_build_object('status', 409, 'code', 'message_id_taken')
            else jsonb_build_object(
                'status', case j.verdict when 'account_unknown' then 401 else 404 end,
                'code', j.verdict
            )
        end as result
        from judged j
        left join inserted i on i.id = j.id
        left join queued q on q.conversation_id = i.conversation_id and q.seq = i.seq
        left join public.messages m on m.id = j.id
    )
    select jsonb_build_object(
               'results', (select jsonb_agg(a.result order by a.position) from answered a),
               'recipients', (
                   select coalesce(jsonb_object_agg(b.id, public.list_recipients(b.id)), '{}') from bumped b
               )
           ),
           (select count(*) from numbered),
           (select count(*) from inserted)
    into answer, taken, written;

    if written < taken then
        -- Numbers were taken that no message has: undo all of it. The caller tries again item by item.
        raise exception using errcode = '40001', message = 'a message id was written elsewhere at the same moment';
    end if;
    return answer;
end
$$;
comment on function public.send_messages is
    'Sends [{id, sender_id, conversation_id, content, reply_to, request_hash}], one result each in that order: {status, message, outbox_id?} or {status, code}; and {recipients: {conversation_id: [user ids]}}. Raises for none of them; 40001 asks for one at a time.';

revoke all on function public.find_recipient, public.find_direct, public.open_direct, public.send_messages
    from public, anon, authenticated;
grant execute on function public.find_recipient, public.find_direct, public.open_direct, public.send_messages
    to service_role;
