-- Messages are edited by who wrote them, and deleted by them or by an owner of the group.

create function public.lock_message(caller uuid, message_id uuid) returns public.messages
language plpgsql set search_path = ''
as $$
declare
    place uuid;
    locked public.messages;
begin
    perform public.check_caller(caller);
    select m.conversation_id into place
    from public.messages m
    join public.members mine on mine.conversation_id = m.conversation_id and mine.user_id = caller
    where m.id = lock_message.message_id;
    -- The conversation before anything in it, as sending does.
    perform from public.conversations c where c.id = place for no key update;
    -- Once more: while we waited the message may have changed, and the caller been taken out.
    select m.* into locked
    from public.messages m
    join public.members mine on mine.conversation_id = m.conversation_id and mine.user_id = caller
    where m.id = lock_message.message_id;
    if locked.id is null then
        perform public.refuse(404, 'message_not_found');
    end if;
    return locked;
end
$$;
comment on function public.lock_message is
    'A message of a conversation of the caller''s, with that conversation locked. 404 message_not_found.';

create function public.edit_message(caller uuid, message_id uuid, content text) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    edited public.messages := public.lock_message(caller, message_id);
    queued uuid[] := '{}';
begin
    if edited.sender_id <> caller then
        perform public.refuse(403, 'not_allowed', '{"message": "Only who wrote a message may change it."}');
    elsif edited.deleted_at is not null then
        perform public.refuse(409, 'message_deleted', '{"message": "That message was deleted."}');
    end if;
    if edited.content <> edit_message.content then
        update public.messages m
        set content = edit_message.content, edited_at = clock_timestamp(), changed_seq = c.last_seq + 1
        from public.conversations c
        where m.id = edited.id and c.id = m.conversation_id
        returning m.* into edited;
        queued := array[public.add_to_log(
            edited.conversation_id, 'message.edited', edited.id, caller, public.first_lease()
        )];
    end if;
    return jsonb_build_object(
        'message', public.wire_message(edited), 'deliveries', public.wire_deliveries(queued)
    );
end
$$;
comment on function public.edit_message is
    'Changes what the caller''s own message says: {message, deliveries}, none of them when it said so already. '
    '404 message_not_found, 403 not_allowed, 409 message_deleted.';

create function public.delete_message(caller uuid, message_id uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    emptied public.messages := public.lock_message(caller, message_id);
    queued uuid[] := '{}';
begin
    if emptied.sender_id <> caller and not exists (
        select from public.members m
        where m.conversation_id = emptied.conversation_id and m.user_id = caller and m.role = 'owner'
    ) then
        perform public.refuse(403, 'not_allowed', '{"message": "Only who wrote a message or owns the group may delete it."}');
    end if;
    if emptied.deleted_at is null then
        update public.messages m
        set content = null, deleted_at = clock_timestamp(), changed_seq = c.last_seq + 1
        from public.conversations c
        where m.id = emptied.id and c.id = m.conversation_id
        returning m.* into emptied;
        queued := array[public.add_to_log(
            emptied.conversation_id, 'message.deleted', emptied.id, caller, public.first_lease()
        )];
    end if;
    return jsonb_build_object(
        'message', public.wire_message(emptied), 'deliveries', public.wire_deliveries(queued)
    );
end
$$;
comment on function public.delete_message is
    'Leaves a tombstone of the caller''s own message, or of any in a group they own: {message, deliveries}, none of them '
    'when it was one. 404 message_not_found, 403 not_allowed.';

revoke all on function public.lock_message, public.edit_message, public.delete_message
    from public, anon, authenticated;
grant execute on function public.lock_message, public.edit_message, public.delete_message to service_role;
