-- What a cached page of history is found by: one small call that checks access and says how far the conversation is.

create function public.find_history_position(caller uuid, conversation_id uuid, peer uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    read_id uuid := conversation_id;
begin
    if peer is not null then
        perform public.check_caller(caller);
        read_id := public.find_direct(caller, public.find_recipient(caller, peer::text));
        if read_id is null then
            return jsonb_build_object('conversation_id', null, 'last_seq', 0, 'changed_at', null);
        end if;
    end if;
    perform public.check_member(caller, read_id);
    return (
        -- With changed_at: a database restored from a backup gives the same last_seq to other messages once more.
        select jsonb_build_object(
            'conversation_id', c.id, 'last_seq', c.last_seq, 'changed_at', public.wire_time(c.changed_at)
        )
        from public.conversations c where c.id = read_id
    );
end
$$;
comment on function public.find_history_position is
    'Access as list_history checks it, and the state its pages are of: {conversation_id, last_seq, changed_at}.';

revoke all on function public.find_history_position from public, anon, authenticated;
grant execute on function public.find_history_position to service_role;
