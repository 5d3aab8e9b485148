-- Sending, row by row along the keys: an `exists` may be answered from a hash of the whole table, of all people, members
-- and messages, and was while they were some hundreds. A subquery for a value never is.

create or replace function public.send_messages(messages jsonb) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
-- A plan is made once, by the indexes whatever the statistics say: they may be of an empty table. Each batch would else
-- be planned anew, for more than it takes to run it.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    sent_at timestamptz;
    sent_time text;
    leased_until timestamptz;
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
    -- Once for all of them: a call of a function with a search_path of its own costs as much as a row.
    sent_time := public.wire_time(sent_at);
    leased_until := public.first_lease();

    with item as materialized (
        select listed.*, row_number() over (partition by listed.id order by listed.position) as nth
        from rows from (jsonb_to_recordset(messages) as (
            id uuid, sender_id uuid, conversation_id uuid, content text, reply_to uuid, request_hash text
        )) with ordinality as listed (id, sender_id, conversation_id, content, reply_to, request_hash, position)
    ), judged as materialized (
        select item.*, c.last_seq, case
            when known.id is not null and known.sender_id = item.sender_id and known.request_hash = item.request_hash
                then 'known'
            when known.id is not null then 'taken'
            when (select u.deleted_at is null from public.users u where u.id = item.sender_id) is not true
                then 'account_unknown'
            when (
                select true from public.members m
                where m.conversation_id = item.conversation_id and m.user_id = item.sender_id
            ) is null then 'conversation_not_found'
            when (
                select peer.deleted_at from public.users peer
                where peer.id = case item.sender_id when c.direct_low then c.direct_high else c.direct_low end
            ) is not null then 'user_not_found'
            when item.reply_to is not null and (
                select r.conversation_id from public.messages r where r.id = item.reply_to
            ) is distinct from item.conversation_id and not exists (
                -- Or to one sent with it. Should that one be refused, the foreign key undoes all, and each goes alone.
                select from item earlier
                where earlier.id = item.reply_to and earlier.conversation_id = item.conversation_id
                  and earlier.position < item.position
            ) then 'message_not_found'
            when item.nth > 1 then 'repeated'
            else 'fresh'
        end as verdict
        from item
        left join public.messages known on known.id = item.id
        left join public.conversations c on c.id = item.conversation_id
    ), fresh as materialized (
        select numbered.*, jsonb_build_object(
            -- As wire_message has it, of a message that nothing happened to yet.
            'id', numbered.id,
            'conversation_id', numbered.conversation_id,
            'seq', numbered.seq,
            'changed_seq', numbered.seq,
            'sender_id', numbered.sender_id,
            'content', numbered.content,
            'reply_to', numbered.reply_to,
            'attachments', '[]'::jsonb,
            'reactions', '[]'::jsonb,
            'created_at', sent_time,
            'edited_at', null,
            'deleted_at', null
        ) as message
        from (
            select j.*,
                   j.last_seq + row_number() over (partition by j.conversation_id order by j.position) as seq,
                   gen_random_uuid() as outbox_id
            from judged j where j.verdict = 'fresh'
        ) numbered
    ), bumped as (
        update public.conversations c set last_seq = top.seq, changed_at = sent_at
        from (select f.conversation_id, max(f.seq) as seq from fresh f group by f.conversation_id) top
        where c.id = top.conversation_id
        returning c.id
    ), inserted as (
        insert into public.messages
            (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, reply_to, created_at)
        select f.id, f.conversation_id, f.seq, f.seq, f.sender_id, f.content, f.request_hash, f.reply_to, sent_at
        from fresh f
        on conflict on constraint messages_pkey do nothing -- the same id sent to another conversation just now
        returning 1
    ), logged as (
        insert into public.conversation_log (conversation_id, seq, event, message_id, created_at)
        select f.conversation_id, f.seq, 'message.sent', f.id, sent_at from fresh f
    ), queued as (
        insert into public.outbox (id, conversation_id, seq, leased_until)
        select f.outbox_id, f.conversation_id, f.seq, leased_until from fresh f
    ), answered as (
        select f.position, jsonb_build_object('status', 201, 'message', f.message, 'outbox_id', f.outbox_id) as result
        from fresh f
        union all
        select j.position, case j.verdict
            when 'known' then jsonb_build_object('status', 200, 'message', (
                select public.wire_message(m) from public.messages m where m.id = j.id
            ))
            when 'repeated' then coalesce((
                select jsonb_build_object('status', 200, 'message', f.message) from fresh f
                where f.id = j.id and f.sender_id = j.sender_id and f.request_hash = j.request_hash
            ), jsonb_build_object('status', 409, 'code', 'message_id_taken'))
            when 'taken' then jsonb_build_object('status', 409, 'code', 'message_id_taken')
            when 'account_unknown' then jsonb_build_object('status', 401, 'code', j.verdict)
            else jsonb_build_object('status', 404, 'code', j.verdict)
        end
        from judged j where j.verdict <> 'fresh'
    )
    select jsonb_build_object(
               'results', (select jsonb_agg(a.result order by a.position) from answered a),
               'recipients', (
                   select coalesce(jsonb_object_agg(b.id, (
                       select jsonb_agg(m.user_id) from public.members m where m.conversation_id = b.id
                   )), '{}') from bumped b
               )
           ),
           (select count(*) from fresh),
           (select count(*) from inserted)
    into answer, taken, written;

    if written < taken then
        -- Numbers were taken that no message has: undo all of it. The caller tries again item by item.
        raise exception using errcode = '40001', message = 'a message id was written elsewhere at the same moment';
    end if;
    return answer;
end
$$;
