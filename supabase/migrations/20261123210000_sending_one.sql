-- A message that comes alone, as most do while few people write: row by row along the keys, for half of the processor
-- time. The statement that sends a hundred at once is dear to set up for one.

alter function public.send_messages(jsonb) rename to send_many;
comment on function public.send_many is 'send_messages for any number of them.';

create function public.send_messages(messages jsonb) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
-- As in send_many.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    sent jsonb;
    sent_id uuid;
    sender uuid;
    target uuid;
    replied uuid;
    hash text;
    place record;
    known record;
    refused jsonb;
    sent_at timestamptz;
    outbox_id uuid := gen_random_uuid();
    next_seq bigint;
begin
    if jsonb_array_length(messages) is distinct from 1 then
        return public.send_many(messages);
    end if;
    sent := messages -> 0;
    sent_id := (sent ->> 'id')::uuid;
    sender := (sent ->> 'sender_id')::uuid;
    target := (sent ->> 'conversation_id')::uuid;
    replied := (sent ->> 'reply_to')::uuid;
    hash := sent ->> 'request_hash';

    select c.last_seq, c.direct_low, c.direct_high into place
    from public.conversations c where c.id = target for no key update;
    -- After the lock, so that created_at follows seq. The next statement's snapshot sees all that was committed before.
    sent_at := clock_timestamp();

    select m.sender_id, m.request_hash into known from public.messages m where m.id = sent_id;
    if found then
        refused := case when known.sender_id = sender and known.request_hash = hash
            then jsonb_build_object('status', 200, 'message', (
                select public.wire_message(m) from public.messages m where m.id = sent_id
            ))
            else jsonb_build_object('status', 409, 'code', 'message_id_taken') end;
        return jsonb_build_object('results', jsonb_build_array(refused), 'recipients', '{}'::jsonb);
    end if;

    refused := case
        when (select u.deleted_at is null from public.users u where u.id = sender) is not true
            then jsonb_build_object('status', 401, 'code', 'account_unknown')
        when (select true from public.members m where m.conversation_id = target and m.user_id = sender) is null
            then jsonb_build_object('status', 404, 'code', 'conversation_not_found')
        when (
            select peer.deleted_at from public.users peer
            where peer.id = case sender when place.direct_low then place.direct_high else place.direct_low end
        ) is not null then jsonb_build_object('status', 404, 'code', 'user_not_found')
        when replied is not null and (
            select r.conversation_id from public.messages r where r.id = replied
        ) is distinct from target then jsonb_build_object('status', 404, 'code', 'message_not_found')
    end;
    if refused is not null then
        return jsonb_build_object('results', jsonb_build_array(refused), 'recipients', '{}'::jsonb);
    end if;

    next_seq := place.last_seq + 1;
    insert into public.messages
        (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, reply_to, created_at)
    values (sent_id, target, next_seq, next_seq, sender, sent ->> 'content', hash, replied, sent_at)
    on conflict on constraint messages_pkey do nothing; -- the same id sent to another conversation just now
    if not found then
        raise exception using errcode = '40001', message = 'a message id was written elsewhere at the same moment';
    end if;
    update public.conversations c set last_seq = next_seq, changed_at = sent_at where c.id = target;
    insert into public.conversation_log (conversation_id, seq, event, message_id, created_at)
    values (target, next_seq, 'message.sent', sent_id, sent_at);
    insert into public.outbox (id, conversation_id, seq, leased_until)
    values (outbox_id, target, next_seq, public.first_lease());

    return jsonb_build_object(
        'results', jsonb_build_array(jsonb_build_object('status', 201, 'outbox_id', outbox_id, 'message',
            -- As wire_message has it, of a message that nothing happened to yet.
            jsonb_build_object(
                'id', sent_id,
                'conversation_id', target,
                'seq', next_seq,
                'changed_seq', next_seq,
                'sender_id', sender,
                'content', sent ->> 'content',
                'reply_to', replied,
                'attachments', '[]'::jsonb,
                'reactions', '[]'::jsonb,
                'created_at', public.wire_time(sent_at),
                'edited_at', null,
                'deleted_at', null
            ))),
        'recipients', jsonb_build_object(target, (
            select jsonb_agg(m.user_id) from public.members m where m.conversation_id = target
        ))
    );
end
$$;
comment on function public.send_messages is
    'Sends [{id, sender_id, conversation_id, content, reply_to, request_hash}], one result each in that order: {status, message, outbox_id?} or {status, code}; and {recipients: {conversation_id: [user ids]}}. Raises for none of them; 40001 asks for one at a time.';

revoke all on function public.send_messages from public, anon, authenticated;
grant execute on function public.send_messages to service_role;
