-- People made, renamed and deleted by themselves or by an admin; whoever shares a conversation with them is told.

create table public.account_removals (
    user_id uuid not null constraint account_removals_pkey primary key
        constraint account_removals_user_id_fkey references public.users (id),
    created_at timestamptz not null default clock_timestamp()
);
comment on table public.account_removals is
    'Deleted people whose account at the identity provider must still go; auth tries until it has gone.';

alter table public.account_removals enable row level security;
create policy account_removals_for_services on public.account_removals
    to service_role using (true) with check (true);

create function public.check_admin(caller uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_caller(caller);
    if not exists (select from public.users where id = caller and role = 'admin') then
        perform public.refuse(403, 'not_allowed', '{"message": "Only an admin may do that."}');
    end if;
end
$$;
comment on function public.check_admin is 'Access: 403 not_allowed for members, 401 account_unknown without a live row.';

create function public.tell_of_user(user_id uuid) returns void
language sql set search_path = ''
begin atomic
    -- Overdue at once: auth pushes nothing itself, so the next sweep of any chat process takes it.
    insert into public.outbox (user_id, leased_until) values (tell_of_user.user_id, clock_timestamp());
end;
comment on function public.tell_of_user is 'Queues user.changed, which shows the person as it is when it is delivered.';

create function public.revoke_for_good(user_id uuid) returns void
language plpgsql set search_path = ''
as $$
declare
    -- Longer than any access token lives: Supabase allows a week.
    useless_after timestamptz := clock_timestamp() + interval '8 days';
begin
    -- As add_revocation: positions become visible in their own order.
    lock table public.revocations in share row exclusive mode;
    -- Also tokens yet to be issued: a sign-in may be under way, or the provider's clock ahead.
    insert into public.revocations (user_id, not_before, expires_at)
    values (revoke_for_good.user_id, useless_after, useless_after);
end
$$;
comment on function public.revoke_for_good is 'Ends all tokens of somebody who is not coming back, those to come too.';

create function public.check_new_user(caller uuid, email text) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_admin(caller);
    if exists (
        select from public.users u where lower(u.email) = lower(check_new_user.email) and u.deleted_at is null
    ) then
        perform public.refuse(409, 'email_taken', '{"message": "Somebody has this address already."}');
    end if;
    return jsonb_build_object('email_free', true);
end
$$;
comment on function public.check_new_user is
    'Before the provider is asked for an account: 403 not_allowed, 409 email_taken, else {email_free}.';

create function public.create_user(caller uuid, user_id uuid, email text, name text, is_admin boolean) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    person public.users;
begin
    perform public.check_admin(caller);
    insert into public.users (id, email, name, role)
    values (
        create_user.user_id, lower(create_user.email), create_user.name,
        case when is_admin then 'admin' else 'member' end
    )
    on conflict do nothing
    returning * into person;
    if person.id is null then
        if exists (select from public.users u where u.id = create_user.user_id and u.deleted_at is not null) then
            return null;
        end if;
        perform public.refuse(409, 'email_taken', '{"message": "Somebody has this address already."}');
    end if;
    perform public.tell_of_user(person.id);
    return public.wire_own_user(person);
end
$$;
comment on function public.create_user is
    'The row of an account an admin has made. Null when the account is a deleted person''s: ids never revive. '
    '403 not_allowed, 409 email_taken.';

create function public.update_user(caller uuid, user_id uuid, changes jsonb) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    person public.users;
    changed public.users;
begin
    perform public.check_caller(caller);
    select * into person from public.users u
    where u.id = update_user.user_id and u.deleted_at is null for no key update;
    if person.id is null then
        perform public.refuse(404, 'user_not_found');
    end if;
    if caller <> person.id then
        perform public.check_admin(caller);
    end if;
    changed := person;
    if changes ? 'name' then
        changed.name := changes ->> 'name';
    end if;
    if changes ? 'avatar_url' then
        changed.avatar_url := changes ->> 'avatar_url';
    end if;
    if changed is distinct from person then
        update public.users u set name = changed.name, avatar_url = changed.avatar_url where u.id = person.id;
        perform public.tell_of_user(person.id);
    end if;
    return public.wire_own_user(changed);
end
$$;
comment on function public.update_user is
    'Sets what is in changes, {name, avatar_url}: oneself or an admin. 404 user_not_found, 403 not_allowed.';

create function public.delete_user(caller uuid, user_id uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    person public.users;
begin
    -- Admins who delete each other at the same moment wait for each other here, always in id order.
    perform from public.users u
    where u.id = delete_user.user_id or (u.role = 'admin' and u.deleted_at is null)
    order by u.id for no key update;
    perform public.check_caller(caller);
    select * into person from public.users u where u.id = delete_user.user_id;
    if person.id is null then
        perform public.refuse(404, 'user_not_found');
    end if;
    if caller <> person.id then
        perform public.check_admin(caller);
    end if;
    if person.deleted_at is not null then
        return jsonb_build_object('deleted', false);
    end if;
    if person.role = 'admin' and not exists (
        select from public.users u where u.role = 'admin' and u.deleted_at is null and u.id <> person.id
    ) then
        perform public.refuse(409, 'last_admin', '{"message": "Without this admin there would be none."}');
    end if;
    update public.users u
    set deleted_at = clock_timestamp(), email = null, name = 'Deleted user', avatar_url = null, role = 'member'
    where u.id = person.id;
    delete from public.presence p where p.user_id = person.id;
    insert into public.account_removals (user_id) values (person.id);
    perform public.revoke_for_good(person.id);
    perform public.tell_of_user(person.id);
    return jsonb_build_object('deleted', true);
end
$$;
comment on function public.delete_user is
    'Locks a person out and leaves a tombstone: oneself or an admin; {deleted: false} when it was one. The account at '
    'the provider is then removed by auth (account_removals). 404 user_not_found, 403 not_allowed, 409 last_admin.';

create function public.list_account_removals(page_limit integer) returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object('user_ids', coalesce(jsonb_agg(r.user_id order by r.created_at), '[]'))
    from (select * from public.account_removals order by created_at limit page_limit) r
);
comment on function public.list_account_removals is 'Whose account at the provider must still go, oldest first.';

create function public.finish_account_removal(user_id uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
begin
    delete from public.account_removals r where r.user_id = finish_account_removal.user_id;
    if not found then
        return jsonb_build_object('finished', false);
    end if;
    -- Until now the provider could issue tokens, however long the removal had to wait.
    perform public.revoke_for_good(finish_account_removal.user_id);
    return jsonb_build_object('finished', true);
end
$$;
comment on function public.finish_account_removal is 'The account at the provider has gone. Safe to repeat.';

revoke all on table public.account_removals from public, anon, authenticated;
grant select, insert, update, delete on table public.account_removals to service_role;
revoke all on function public.check_admin, public.tell_of_user, public.revoke_for_good,
    public.check_new_user, public.create_user, public.update_user, public.delete_user,
    public.list_account_removals, public.finish_account_removal
    from public, anon, authenticated;
grant execute on function public.check_admin, public.tell_of_user, public.revoke_for_good,
    public.check_new_user, public.create_user, public.update_user, public.delete_user,
    public.list_account_removals, public.finish_account_removal
    to service_role;
