-- A deleted person leaves every group, whichever function deletes them; what they wrote stays.

create function public.leave_groups() returns trigger
language plpgsql set search_path = ''
as $$
declare
    place uuid;
begin
    -- In id order, as sending locks them.
    perform from public.conversations c
    where c.kind = 'group'
      and c.id in (select m.conversation_id from public.members m where m.user_id = new.id)
    order by c.id for no key update;
    for place in
        select c.id from public.members m join public.conversations c on c.id = m.conversation_id
        where m.user_id = new.id and c.kind = 'group' order by c.id
    loop
        -- Overdue at once, as in tell_of_user: auth pushes nothing itself.
        perform public.drop_member(place, new.id, clock_timestamp());
    end loop;
    return null;
end
$$;
comment on function public.leave_groups is
    'Trigger of users: member.left in every group of somebody deleted, and new owners where there would be none.';

create trigger users_leave_groups after update of deleted_at on public.users
    for each row when (old.deleted_at is null and new.deleted_at is not null)
    execute function public.leave_groups();

revoke all on function public.leave_groups from public, anon, authenticated;
grant execute on function public.leave_groups to service_role;
