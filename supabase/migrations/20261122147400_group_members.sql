-- Owners say who is in a group and who owns it; everybody may leave.

create function public.wire_member(member public.members) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'user', (select public.wire_user(u) from public.users u where u.id = member.user_id),
    'role', member.role,
    'joined_at', public.wire_time(member.joined_at),
    'last_read_seq', member.last_read_seq
);
comment on function public.wire_member is 'A Member.';

create function public.put_member(caller uuid, conversation_id uuid, user_id uuid, role text) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    person public.users;
    place public.conversations;
    put public.members;
    queued uuid[] := '{}';
begin
    perform public.check_member(caller, conversation_id);
    -- Nobody is deleted while they are taken in. The person before the conversation, as deletions take them.
    select * into person from public.users u where u.id = put_member.user_id for share;
    perform public.check_owner(public.lock_group(caller, conversation_id));
    if person.id is null or person.deleted_at is not null then
        perform public.refuse(404, 'user_not_found', jsonb_build_object('user_ids', jsonb_build_array(user_id)));
    end if;
    select * into place from public.conversations c where c.id = put_member.conversation_id;
    select * into put from public.members m where m.conversation_id = place.id and m.user_id = person.id;
    if put.user_id is null then
        if place.member_count >= 5000 then
            perform public.refuse(409, 'group_full', '{"message": "A group has at most 5,000 members."}');
        end if;
        insert into public.members (conversation_id, user_id, last_read_seq)
        values (place.id, person.id, place.last_seq + 1) -- that of member.joined
        returning * into put;
        update public.conversations c set member_count = c.member_count + 1 where c.id = place.id;
        queued := array[public.add_to_log(place.id, 'member.joined', null, person.id, public.first_lease())];
    end if;
    if put_member.role <> put.role then
        if put.role = 'owner' and not exists (
            select from public.members m
            where m.conversation_id = place.id and m.role = 'owner' and m.user_id <> person.id
        ) then
            perform public.refuse(
                409, 'last_owner', '{"message": "A group needs an owner: make somebody else one first."}'
            );
        end if;
        update public.members m set role = put_member.role
        where m.conversation_id = place.id and m.user_id = person.id
        returning * into put;
        queued := queued
            || public.add_to_log(place.id, 'conversation.changed', null, person.id, public.first_lease());
    end if;
    return jsonb_build_object('member', public.wire_member(put), 'deliveries', public.wire_deliveries(queued));
end
$$;
comment on function public.put_member is
    'Takes somebody into a group, or gives them another role when one is named: {member, deliveries}, none of them when '
    'nothing changed. 404 conversation_not_found, user_not_found {user_ids}, 403 not_allowed, 409 direct_conversation, '
    'group_full, last_owner.';

create function public.drop_member(conversation_id uuid, user_id uuid, leased_until timestamptz) returns uuid[]
language plpgsql set search_path = ''
as $$
declare
    queued uuid[];
    heir uuid;
begin
    delete from public.members m
    where m.conversation_id = drop_member.conversation_id and m.user_id = drop_member.user_id;
    if not found then
        return '{}';
    end if;
    update public.conversations c set member_count = c.member_count - 1 where c.id = drop_member.conversation_id;
    queued := array[public.add_to_log(conversation_id, 'member.left', null, user_id, leased_until)];
    if not exists (
        select from public.members m where m.conversation_id = drop_member.conversation_id and m.role = 'owner'
    ) then
        update public.members m set role = 'owner'
        where m.conversation_id = drop_member.conversation_id and m.user_id = (
            select longest.user_id from public.members longest
            where longest.conversation_id = drop_member.conversation_id
            order by longest.joined_at, longest.user_id limit 1
        )
        returning m.user_id into heir;
        if heir is not null then
            queued := queued || public.add_to_log(conversation_id, 'conversation.changed', null, heir, leased_until);
        end if;
    end if;
    return queued;
end
$$;
comment on function public.drop_member is
    'Takes somebody out of a group that is locked; the last owner''s place goes to the longest-standing member. Returns '
    'the outbox rows.';

create function public.remove_member(caller uuid, conversation_id uuid, user_id uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    role text := public.lock_group(caller, conversation_id);
    queued uuid[];
begin
    if user_id <> caller then
        perform public.check_owner(role);
    end if;
    -- On its own: what is read in the same statement does not see what is written in it.
    queued := public.drop_member(conversation_id, user_id, public.first_lease());
    return jsonb_build_object('deliveries', public.wire_deliveries(queued));
end
$$;
comment on function public.remove_member is
    'Leaves a group, or takes somebody out as its owner: {deliveries}, none of them when they were not in it. '
    '404 conversation_not_found, 403 not_allowed, 409 direct_conversation.';

revoke all on function public.wire_member, public.put_member, public.drop_member, public.remove_member
    from public, anon, authenticated;
grant execute on function public.wire_member, public.put_member, public.drop_member, public.remove_member
    to service_role;
