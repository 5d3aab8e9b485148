-- A direct conversation with somebody deleted can be read, and written to no more.

create or replace function public.send_messages(messages jsonb) returns jsonb
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
            when exists (
                select from public.conversations c
                join public.users peer
                    on peer.id = case item.sender_id when c.direct_low then c.direct_high else c.direct_low end
                where c.id = item.conversation_id and peer.deleted_at is not null
            ) then 'user_not_found'
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

create or replace function public.record_presence(changes jsonb) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    told jsonb;
begin
    with change as (
        select distinct on (c.user_id) c.user_id, c.online, c.at, u.deleted_at is not null as deleted
        from jsonb_to_recordset(changes) as c (user_id uuid, online boolean, at timestamptz)
        join public.users u on u.id = c.user_id
        order by c.user_id, c.at desc
    ), recorded as (
        insert into public.presence as p (user_id, online, last_seen)
        select change.user_id, change.online, change.at from change where not change.deleted order by change.user_id
        on conflict (user_id) do update set online = excluded.online, last_seen = excluded.last_seen
        where p.last_seen <= excluded.last_seen
        returning p.user_id, p.online, p.last_seen
    ), news as (
        select r.user_id, r.online, r.last_seen from recorded r
        union all
        -- The sockets of somebody deleted close after the deletion: others hear that they went, and not when.
        select change.user_id, false, null from change where change.deleted and not change.online
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'to', public.list_peers(n.user_id),
        'data', jsonb_build_object(
            'user_id', n.user_id, 'online', n.online, 'last_seen', public.wire_time(n.last_seen)
        )
    )), '[]') into told from news n;
    return told;
end
$$;
