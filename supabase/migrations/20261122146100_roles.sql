-- Admins make others admins, or members again; whoever loses a role signs on with a fresh token.

create function public.set_role(caller uuid, user_id uuid, role text) returns jsonb
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
    '404 user_not_found, 403 not_allowed, 409 last_admin.';

create or replace function public.list_users(caller uuid, query text, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    -- Read here: a query's plan may never come to what is wrong with a forged one.
    after_name text := keys ->> 0;
    after_id uuid := (keys ->> 1)::uuid;
    wanted text := lower(btrim(coalesce(query, '')));
    sees_all boolean := exists (select from public.users where id = caller and role = 'admin');
    answer jsonb;
begin
    if cursor is not null and (jsonb_typeof(keys -> 0) <> 'string' or after_id is null) then
        perform public.refuse(422, 'malformed', '{"fields": [{"field": "cursor", "problem": "is not one of ours"}]}');
    end if;
    perform public.check_caller(caller);
    with page as (
        select u, lower(u.name) as sort_name, u.id, row_number() over (order by lower(u.name), u.id) as position
        from public.users u
        where u.deleted_at is null
          and (wanted = '' or strpos(lower(u.name), wanted) > 0 or lower(u.email) = wanted)
          and (cursor is null or (lower(u.name), u.id) > (after_name, after_id))
        order by lower(u.name), u.id
        limit page_limit + 1
    )
    select jsonb_build_object(
        'users', coalesce(jsonb_agg(
            case when sees_all then public.wire_own_user(u) else public.wire_user(u) end order by position
        ) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(sort_name, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.list_users is
    'The directory by (lower(name), id): part of a name, or a whole email. Email and role only for admins.';

revoke all on function public.set_role from public, anon, authenticated;
grant execute on function public.set_role to service_role;
