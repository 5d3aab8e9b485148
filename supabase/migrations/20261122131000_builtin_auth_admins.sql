-- Who is named in ADMIN_EMAILS later becomes an admin at the next sign-in, not only at the first.

create function builtin_auth.promote(user_id uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
    update public.users u set role = 'admin'
    where u.id = promote.user_id and u.role <> 'admin' and u.deleted_at is null;
    return public.get_session_user(promote.user_id);
end
$$;
comment on function builtin_auth.promote is 'Makes a live person an admin: the person as it sees itself. 401 account_unknown.';

create or replace function builtin_auth.open_session(
    address text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    account uuid;
    is_admin boolean := (newcomer ->> 'is_admin')::boolean;
    session builtin_auth.sessions;
    person jsonb;
    moment timestamptz := clock_timestamp();
begin
    select a.id into account from builtin_auth.accounts a where a.email = address;
    if account is null then
        if not (newcomer ->> 'may_join')::boolean then
            return null;
        end if;
        if (newcomer ->> 'first_is_admin')::boolean then
            -- Of two first people at the same moment only one is the first.
            perform pg_catalog.pg_advisory_xact_lock(hashtextextended('builtin_auth.accounts', 0));
            is_admin := is_admin or not exists (select from builtin_auth.accounts);
        end if;
        insert into builtin_auth.accounts (email) values (address) on conflict on constraint accounts_email_key do nothing;
        select a.id into account from builtin_auth.accounts a where a.email = address;
    end if;
    insert into builtin_auth.sessions (account_id, idle_until, expires_at)
    values (account, moment + make_interval(secs => idle_seconds), moment + make_interval(secs => session_seconds))
    returning * into session;
    insert into builtin_auth.refresh_tokens (token_hash, session_id) values (refresh_hash, session.id);
    person := public.ensure_user(account, address, newcomer ->> 'name', is_admin);
    if is_admin and person ->> 'role' <> 'admin' then
        person := builtin_auth.promote(account);
    end if;
    return builtin_auth.render_sign_in(session, person);
end
$$;

revoke all on function builtin_auth.promote, builtin_auth.open_session from public, anon, authenticated;
grant execute on function builtin_auth.promote, builtin_auth.open_session to service_role;
