-- Sessions and their rotated refresh tokens. Who holds a token is decided under the session's row lock.

create table builtin_auth.sessions (
    id uuid not null default gen_random_uuid() constraint sessions_pkey primary key,
    account_id uuid not null
        constraint sessions_account_id_fkey references builtin_auth.accounts on delete cascade,
    created_at timestamptz not null default clock_timestamp(),
    used_at timestamptz not null default clock_timestamp(),
    idle_until timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
comment on table builtin_auth.sessions is 'One sign-in on one device; alive until ended_at, idle_until or expires_at, whichever is first.';
-- Signing out everywhere.
create index sessions_account_id_idx on builtin_auth.sessions (account_id);
-- The sweep removes what has been over for a while.
create index sessions_over_idx on builtin_auth.sessions (least(ended_at, idle_until, expires_at));

create table builtin_auth.refresh_tokens (
    token_hash text not null constraint refresh_tokens_pkey primary key,
    session_id uuid not null
        constraint refresh_tokens_session_id_fkey references builtin_auth.sessions on delete cascade,
    parent_hash text,
    created_at timestamptz not null default clock_timestamp(),
    spent_at timestamptz
);
comment on table builtin_auth.refresh_tokens is 'A family a session: each token is traded once for its successor. Hashes only.';
-- Has a successor of this token been used?
create index refresh_tokens_parent_hash_idx on builtin_auth.refresh_tokens (parent_hash);
-- Cascades from sessions.
create index refresh_tokens_session_id_idx on builtin_auth.refresh_tokens (session_id);
-- The sweep removes tokens spent long ago.
create index refresh_tokens_spent_at_idx on builtin_auth.refresh_tokens (spent_at);

alter table builtin_auth.sessions enable row level security;
alter table builtin_auth.refresh_tokens enable row level security;
create policy sessions_for_services on builtin_auth.sessions to service_role using (true) with check (true);
create policy refresh_tokens_for_services on builtin_auth.refresh_tokens to service_role using (true) with check (true);

create function builtin_auth.render_sign_in(session builtin_auth.sessions, person jsonb) returns jsonb
language sql volatile set search_path = ''
-- issued_at is taken here, under the session's lock: a sign-out that waits for it is then later than the token.
return jsonb_build_object(
    'session_id', session.id,
    'user', person,
    'issued_at', extract(epoch from clock_timestamp()),
    'refresh_seconds', ceil(extract(epoch from least(session.idle_until, session.expires_at) - clock_timestamp()))
);
comment on function builtin_auth.render_sign_in is
    'What an access token is made of: {session_id, user, issued_at (Unix seconds), refresh_seconds}.';

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

create function builtin_auth.open_session(
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
comment on function builtin_auth.open_session is
    'A session for a confirmed address, with account and user made the first time; who is an admin by now becomes one. Null when newcomer.may_join is false '
    'and there is no account. newcomer: {may_join, is_admin, first_is_admin, name}. 409 email_taken.';

create function builtin_auth.finish_session(session uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    owner uuid;
begin
    update builtin_auth.sessions s set ended_at = clock_timestamp()
    where s.id = session and s.ended_at is null
    returning s.account_id into owner;
    if owner is null then
        return null;
    end if;
    -- Longer than any access token lives.
    perform public.revoke_session(session::text, clock_timestamp() + interval '15 minutes');
    return jsonb_build_object('session_id', session, 'user_id', owner);
end
$$;
comment on function builtin_auth.finish_session is
    'Ends a session and, in the same transaction, its access tokens: {session_id, user_id}; null when it was over.';

create function builtin_auth.refresh_session(refresh_hash text, successor_hash text, idle_seconds integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    session builtin_auth.sessions;
    token builtin_auth.refresh_tokens;
    moment timestamptz;
begin
    select s.* into session from builtin_auth.sessions s
    where s.id = (select t.session_id from builtin_auth.refresh_tokens t where t.token_hash = refresh_hash)
    for update;
    moment := clock_timestamp();
    if session.id is null or session.ended_at is not null or least(session.idle_until, session.expires_at) <= moment then
        return jsonb_build_object('outcome', 'session_over');
    end if;
    select t.* into token from builtin_auth.refresh_tokens t where t.token_hash = refresh_hash;
    if token.spent_at <= moment - interval '10 seconds' and exists (
        select from builtin_auth.refresh_tokens t where t.parent_hash = refresh_hash and t.spent_at is not null
    ) then
        -- Two people hold this family, and nobody can say which of them is the thief.
        return builtin_auth.finish_session(session.id) || jsonb_build_object('outcome', 'reused');
    end if;
    insert into builtin_auth.refresh_tokens (token_hash, session_id, parent_hash)
    values (successor_hash, session.id, refresh_hash);
    update builtin_auth.refresh_tokens t set spent_at = coalesce(t.spent_at, moment) where t.token_hash = refresh_hash;
    update builtin_auth.sessions s set used_at = moment, idle_until = moment + make_interval(secs => idle_seconds)
    where s.id = session.id
    returning s.* into session;
    return builtin_auth.render_sign_in(session, public.get_session_user(session.account_id))
        || jsonb_build_object('outcome', 'refreshed');
end
$$;
comment on function builtin_auth.refresh_session is
    'Trades a refresh token for its successor: outcome refreshed (with what render_sign_in says), session_over, or reused. '
    'A spent token counts for 10 s more, and while no successor of it was used; after that the whole family ends.';

create function builtin_auth.end_session(session uuid, refresh_hash text, everywhere boolean) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    found_session uuid;
    owner uuid;
begin
    select s.id, s.account_id into found_session, owner from builtin_auth.sessions s
    where s.id = coalesce(
        session, (select t.session_id from builtin_auth.refresh_tokens t where t.token_hash = refresh_hash)
    ) and s.ended_at is null and least(s.idle_until, s.expires_at) > clock_timestamp();
    if found_session is null then
        return null;
    end if;
    if not everywhere then
        return builtin_auth.finish_session(found_session);
    end if;
    -- A sign-in under way holds the account for its foreign key: wait for it, then its session is seen below.
    perform from builtin_auth.accounts a where a.id = owner for update;
    perform from builtin_auth.sessions s where s.account_id = owner and s.ended_at is null order by s.id for update;
    update builtin_auth.sessions s set ended_at = clock_timestamp() where s.account_id = owner and s.ended_at is null;
    perform public.revoke_user(owner, clock_timestamp() + interval '15 minutes');
    return jsonb_build_object('session_id', found_session, 'user_id', owner);
end
$$;
comment on function builtin_auth.end_session is
    'Signs out by session or by one of its refresh tokens, here or everywhere: {session_id, user_id}, null if unknown or over.';

revoke all on table builtin_auth.sessions, builtin_auth.refresh_tokens from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.sessions, builtin_auth.refresh_tokens to service_role;
revoke all on function builtin_auth.render_sign_in, builtin_auth.promote, builtin_auth.open_session,
    builtin_auth.finish_session, builtin_auth.refresh_session, builtin_auth.end_session from public, anon, authenticated;
grant execute on function builtin_auth.render_sign_in, builtin_auth.promote, builtin_auth.open_session,
    builtin_auth.finish_session, builtin_auth.refresh_session, builtin_auth.end_session to service_role;
