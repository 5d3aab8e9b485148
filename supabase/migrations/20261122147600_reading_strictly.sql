-- Forged cursors with nothing in them are refused; whoever was taken out a moment ago marks nothing as read.

create or replace function public.read_cursor(cursor text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    keys jsonb;
begin
    if cursor is null then
        return null;
    end if;
    keys := convert_from(decode(cursor, 'hex'), 'utf8')::jsonb;
    if jsonb_typeof(keys) <> 'array' or jsonb_array_length(keys) <> 2
        or keys ->> 0 is null or keys ->> 1 is null then
        raise exception 'not a cursor';
    end if;
    return keys;
exception when others then
    perform public.refuse(422, 'malformed', '{"fields": [{"field": "cursor", "problem": "is not one of ours"}]}');
    return null;
end
$$;

create or replace function public.mark_read(caller uuid, conversation_id uuid, read_seq bigint) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    old_seq bigint;
    new_seq bigint;
    readers integer;
begin
    perform public.check_caller(caller);
    select m.last_read_seq into old_seq from public.members m
    where m.conversation_id = mark_read.conversation_id and m.user_id = caller
    for update;
    if old_seq is null then
        perform public.refuse(404, 'conversation_not_found');
    end if;
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
