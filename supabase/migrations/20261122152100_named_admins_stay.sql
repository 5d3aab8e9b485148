-- Whom ADMIN_EMAILS names is made an admin at every sign-in: taking the role away would last until then.

drop function public.set_role(uuid, uuid, text);
create function public.set_role(caller uuid, user_id uuid, role text, named jsonb default '[]') returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    person public.users;
    lost boolean;
    -- Longer than any access token lives: Supabase allows a week.
    useless_after timestamptz := clock_timestamp() + interval '8 days';
begin
    -- Admins who demote each other at the same moment wait for each other here, always in id order.
    perform from public.users u
    where u.id = set_role.user_id or (u.role = 'admin' and u.deleted_at is null)
    order by u.id for no key update;
    perform public.check_admin(caller);
    select * into person from public.users u where u.id = set_role.user_id and u.deleted_at is null;
    if person.id is null then
        perform public.refuse(404, 'user_not_found');
    end if;
    lost := person.role = 'admin' and set_role.role <> 'admin';
    if set_role.role <> 'admin' and named ? person.email then
        perform public.refuse(409, 'named_admin', '{"message": '
            '"ADMIN_EMAILS names this address. Take it out there first, else it is an admin again at the next sign-in."}');
    end if;
    if lost and not exists (
        select from public.users u where u.role = 'admin' and u.deleted_at is null and u.id <> person.id
    ) then
        perform public.refuse(409, 'last_admin', '{"message": "Without this admin there would be none."}');
    end if;
    update public.users u set role = set_role.role where u.id = person.id and u.role <> set_role.role;
    if lost then
        -- As add_revocation: positions become visible in their own order.
        lock table public.revocations in share row exclusive mode;
        -- Supabase Auth's iat is a whole second: who fetches a fresh token within this one is let in.
        insert into public.revocations (user_id, not_before, expires_at)
        values (person.id, date_trunc('second', clock_timestamp()) - interval '1 second', useless_after);
    end if;
    return jsonb_build_object(
        'user', (select public.wire_own_user(u) from public.users u where u.id = person.id), 'lost', lost
    );
end
$$;
comment on function public.set_role is
    'Makes somebody an admin or a member, by an admin: {user, lost}; lost: they were one, and their access tokens end. '
    '404 user_not_found, 403 not_allowed, 409 last_admin, or named_admin: named (ADMIN_EMAILS) has their address.';

revoke all on function public.set_role from public, anon, authenticated;
grant execute on function public.set_role to service_role;
