-- People, as auth made them. Chat reads them; only auth writes here.

create table public.users (
    id uuid constraint users_pkey primary key,
    email text constraint users_email_length check (length(email) between 3 and 320),
    name text not null constraint users_name_length check (length(name) between 1 and 80),
    avatar_url text constraint users_avatar_url_length check (length(avatar_url) <= 2000),
    role text not null default 'member' constraint users_role_known check (role in ('admin', 'member')),
    created_at timestamptz not null default clock_timestamp(),
    deleted_at timestamptz,
    constraint users_deleted_have_no_email check (deleted_at is null or email is null),
    constraint users_live_have_email check (deleted_at is not null or email is not null)
);
comment on table public.users is 'One row a person; made by auth at the first sign-in, kept as a tombstone after deletion.';

-- One live account an address; "to" and "query" by exact email.
create unique index users_email_key on public.users (lower(email)) where deleted_at is null;
-- The directory: live people by name, page by page.
create index users_directory_idx on public.users (lower(name), id) where deleted_at is null;

alter table public.users enable row level security;
create policy users_for_services on public.users to service_role using (true) with check (true);

create function public.wire_user(person public.users) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'id', person.id,
    'name', case when person.deleted_at is null then person.name else 'Deleted user' end,
    'avatar_url', case when person.deleted_at is null then person.avatar_url end,
    'created_at', public.wire_time(person.created_at),
    'deleted_at', public.wire_time(person.deleted_at)
);
comment on function public.wire_user is 'A User as anyone may see it.';

create function public.wire_own_user(person public.users) returns jsonb
language sql stable set search_path = ''
return public.wire_user(person) || jsonb_build_object('email', person.email, 'role', person.role);
comment on function public.wire_own_user is 'A User as it sees itself: with email and role.';

create function public.check_caller(caller uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
    if not exists (select from public.users where id = caller and deleted_at is null) then
        perform public.refuse(401, 'account_unknown', '{"message": "This account does not exist here."}');
    end if;
end
$$;
comment on function public.check_caller is 'A valid token whose subject has no live row is 401 account_unknown.';

create function public.ensure_user(user_id uuid, email text, name text, is_admin boolean) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    person public.users;
begin
    insert into public.users (id, email, name, role)
    values (user_id, lower(ensure_user.email), ensure_user.name, case when is_admin then 'admin' else 'member' end)
    on conflict do nothing;
    select * into person from public.users where id = user_id;
    if person.id is null then
        perform public.refuse(409, 'email_taken');
    elsif person.deleted_at is not null then
        perform public.refuse(401, 'account_unknown');
    end if;
    return public.wire_own_user(person);
end
$$;
comment on function public.ensure_user is 'The row of a person who signed in, made the first time. 409 email_taken, 401 account_unknown (deleted).';

create function public.get_session_user(caller uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_caller(caller);
    return (select public.wire_own_user(u) from public.users u where u.id = caller);
end
$$;
comment on function public.get_session_user is 'The caller itself, with email and role.';

create function public.get_user(caller uuid, user_id uuid) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    found_user public.users;
begin
    perform public.check_caller(caller);
    select * into found_user from public.users where id = user_id;
    if found_user.id is null then
        perform public.refuse(404, 'user_not_found');
    end if;
    if caller = user_id or exists (select from public.users where id = caller and role = 'admin') then
        return public.wire_own_user(found_user);
    end if;
    return public.wire_user(found_user);
end
$$;
comment on function public.get_user is 'One person, deleted ones as "Deleted user"; email and role only to self and admins. 404 user_not_found.';

create function public.list_users(caller uuid, query text, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    wanted text := lower(btrim(coalesce(query, '')));
    answer jsonb;
begin
    perform public.check_caller(caller);
    with page as (
        select u, lower(u.name) as sort_name, u.id, row_number() over (order by lower(u.name), u.id) as position
        from public.users u
        where u.deleted_at is null
          and (wanted = '' or strpos(lower(u.name), wanted) > 0 or lower(u.email) = wanted)
          and (keys is null or (lower(u.name), u.id) > (keys ->> 0, (keys ->> 1)::uuid))
        order by lower(u.name), u.id
        limit page_limit + 1
    )
    select jsonb_build_object(
        'users', coalesce(jsonb_agg(public.wire_user(u) order by position) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(sort_name, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.list_users is 'The directory by (lower(name), id): part of a name, or a whole email. Nobody learns an email from it.';

revoke all on table public.users from public, anon, authenticated;
grant select, insert, update, delete on table public.users to service_role;
revoke all on function public.wire_user, public.wire_own_user, public.check_caller, public.ensure_user,
    public.get_session_user, public.get_user, public.list_users from public, anon, authenticated;
grant execute on function public.wire_user, public.wire_own_user, public.check_caller, public.ensure_user,
    public.get_session_user, public.get_user, public.list_users to service_role;
