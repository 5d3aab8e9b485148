-- Groups: whoever makes one owns it; owners name it.

alter table public.conversations add column request_hash text;
comment on column public.conversations.request_hash is
    'Of the request that made a group: a repeat with the same id is the same group, whatever it was changed to since.';

create function public.lock_group(caller uuid, conversation_id uuid) returns text
language plpgsql set search_path = ''
as $$
declare
    kind text;
    role text;
begin
    perform public.check_member(caller, conversation_id);
    select c.kind into kind from public.conversations c where c.id = lock_group.conversation_id for no key update;
    -- Once more: while we waited the caller may have been taken out.
    perform public.check_member(caller, conversation_id);
    if kind <> 'group' then
        perform public.refuse(
            409, 'direct_conversation', '{"message": "A conversation of two can''t be renamed, joined or left."}'
        );
    end if;
    select m.role into role from public.members m
    where m.conversation_id = lock_group.conversation_id and m.user_id = caller;
    return role;
end
$$;
comment on function public.lock_group is
    'The caller''s role in a group, which stays locked. 404 conversation_not_found, 409 direct_conversation.';

create function public.check_owner(role text) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if role is distinct from 'owner' then
        perform public.refuse(403, 'not_allowed', '{"message": "Only an owner of the group may do that."}');
    end if;
end
$$;
comment on function public.check_owner is 'Access: 403 not_allowed for members who are no owners.';

create function public.wire_changed_conversation(caller uuid, conversation_id uuid, queued uuid[]) returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object(
        'conversation', public.wire_conversation_for(caller, c), 'deliveries', public.wire_deliveries(queued)
    )
    from public.conversations c where c.id = wire_changed_conversation.conversation_id
);
comment on function public.wire_changed_conversation is
    'What a change of a conversation answers: {conversation, as the caller sees it, deliveries}.';

create function public.open_group(caller uuid, conversation_id uuid, name text, members jsonb) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    asked uuid[];
    missing jsonb;
    hash text;
    opened public.conversations;
    queued uuid[] := '{}';
begin
    perform public.check_caller(caller);
    -- The creator first, the others as they were named.
    asked := array(
        select (named.value #>> '{}')::uuid
        from jsonb_array_elements(jsonb_build_array(caller) || open_group.members) with ordinality as named (value, place)
        group by 1 order by min(named.place)
    );
    if cardinality(asked) > 5000 then
        perform public.refuse(409, 'group_full', '{"message": "A group has at most 5,000 members."}');
    end if;
    hash := encode(sha256(convert_to(jsonb_build_array(
        open_group.name, array(select person from unnest(asked) as person order by person)
    )::text, 'utf8')), 'hex');
    if not exists (select from public.conversations c where c.id = open_group.conversation_id) then
        -- Nobody is deleted while they are taken in; in id order, as deletions take them.
        perform from public.users u where u.id = any(asked) order by u.id for share;
        perform public.check_caller(caller);
        select jsonb_agg(person) into missing from unnest(asked) as person
        where not exists (select from public.users u where u.id = person and u.deleted_at is null);
        if missing is not null then
            perform public.refuse(404, 'user_not_found', jsonb_build_object('user_ids', missing));
        end if;
        -- Whoever comes second waits here for the first to commit, and then finds that row below.
        insert into public.conversations (id, kind, name, member_count, request_hash)
        values (open_group.conversation_id, 'group', open_group.name, cardinality(asked), hash)
        on conflict on constraint conversations_pkey do nothing
        returning * into opened;
    end if;
    if opened.id is not null then
        insert into public.members (conversation_id, user_id, role, last_read_seq)
        select opened.id, named.person, case named.person when caller then 'owner' else 'member' end, 1
        from unnest(asked) with ordinality as named (person, place) order by named.place;
        queued := array[public.add_to_log(opened.id, 'conversation.created', null, caller, public.first_lease())];
    else
        if not exists (
            select from public.conversations c
            join public.conversation_log made on made.conversation_id = c.id and made.seq = 1 and made.user_id = caller
            where c.id = open_group.conversation_id and c.request_hash = hash
        ) then
            perform public.refuse(
                409, 'conversation_id_taken', '{"message": "That id was used for another conversation."}'
            );
        end if;
        perform public.check_member(caller, open_group.conversation_id);
    end if;
    return public.wire_changed_conversation(caller, open_group.conversation_id, queued)
        || jsonb_build_object('created', opened.id is not null);
end
$$;
comment on function public.open_group is
    'Makes a group of the caller, its owner, and members, an array of user ids: {conversation, created, deliveries}. The '
    'same id with the same request is the same group. 404 user_not_found {user_ids}, 409 group_full, conversation_id_taken.';

create function public.rename_group(caller uuid, conversation_id uuid, name text) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    queued uuid[] := '{}';
begin
    perform public.check_owner(public.lock_group(caller, conversation_id));
    update public.conversations c set name = rename_group.name
    where c.id = rename_group.conversation_id and c.name <> rename_group.name;
    if found then
        queued := array[public.add_to_log(conversation_id, 'conversation.changed', null, caller, public.first_lease())];
    end if;
    return public.wire_changed_conversation(caller, conversation_id, queued);
end
$$;
comment on function public.rename_group is
    'Names a group: {conversation, deliveries}, none of them when it was called so. '
    '404 conversation_not_found, 403 not_allowed, 409 direct_conversation.';

revoke all on function public.lock_group, public.check_owner, public.wire_changed_conversation,
    public.open_group, public.rename_group
    from public, anon, authenticated;
grant execute on function public.lock_group, public.check_owner, public.wire_changed_conversation,
    public.open_group, public.rename_group to service_role;
