-- What Pulse remembers of sessions that Supabase Auth keeps: so that a sign-out counts at once, and whoever GoTrue says.

create table public.supabase_sessions (
    id uuid not null constraint supabase_sessions_pkey primary key,
    user_id uuid not null constraint supabase_sessions_user_id_fkey references public.users (id),
    refresh_hashes text[] not null,
    token_seconds integer not null,
    tokens_until timestamptz not null,
    opened_at timestamptz not null default clock_timestamp(),
    idle_until timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
comment on table public.supabase_sessions is
    'Sessions of Supabase Auth that Pulse handed out: hashes of the last refresh tokens, how long access tokens live '
    '(token_seconds), when the last one ends. An ended one is kept, because GoTrue may not have been told.';
-- A refresh token alone says which session it is of.
create index supabase_sessions_refresh_hashes_idx on public.supabase_sessions using gin (refresh_hashes);
-- Everything of one person, for a sign-out everywhere.
create index supabase_sessions_user_id_idx on public.supabase_sessions (user_id);

create table public.supabase_passwords (
    request_id uuid not null constraint supabase_passwords_pkey primary key,
    sealed text not null,
    expires_at timestamptz not null default clock_timestamp() + interval '1 day'
);
comment on table public.supabase_passwords is
    'A password asked for with an address that already waited for confirmation, encrypted with AUTH_SECRET: it counts once '
    'its own mail is used, and is gone with that or after a day.';

alter table public.supabase_sessions enable row level security;
alter table public.supabase_passwords enable row level security;
create policy supabase_sessions_for_services on public.supabase_sessions to service_role using (true) with check (true);
create policy supabase_passwords_for_services on public.supabase_passwords to service_role using (true) with check (true);

create function public.add_supabase_revocation(
    session_id text, user_id uuid, not_before timestamptz, expires_at timestamptz
) returns void
language plpgsql set search_path = ''
as $$
begin
    -- As add_revocation: positions become visible in their own order.
    lock table public.revocations in share row exclusive mode;
    delete from public.revocations r where r.expires_at < clock_timestamp();
    insert into public.revocations (session_id, user_id, not_before, expires_at)
    values (
        add_supabase_revocation.session_id, add_supabase_revocation.user_id,
        add_supabase_revocation.not_before, add_supabase_revocation.expires_at
    );
end
$$;
comment on function public.add_supabase_revocation is 'For the functions that end sessions only.';

create function public.finish_supabase_session(session_id uuid) returns void
language plpgsql set search_path = ''
as $$
declare
    session public.supabase_sessions;
    useless_after timestamptz;
begin
    update public.supabase_sessions s set ended_at = clock_timestamp()
    where s.id = session_id and s.ended_at is null
    returning s.* into session;
    -- A minute more, for clocks that differ.
    useless_after := session.tokens_until + interval '1 minute';
    if useless_after > clock_timestamp() then
        -- All its tokens, whenever GoTrue's clock says they were issued: none will be handed out again.
        perform public.add_supabase_revocation(session_id::text, null, useless_after, useless_after);
    end if;
end
$$;
comment on function public.finish_supabase_session is 'Ends one session and, in the same transaction, its access tokens.';

create function public.keep_supabase_session(
    session_id uuid, user_id uuid, email text, newcomer jsonb, refresh_hash text,
    token_expires_at double precision, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
    is_admin boolean := (newcomer ->> 'is_admin')::boolean;
    person public.users;
    session public.supabase_sessions;
begin
    -- Waits for a sign-out everywhere that is under way; that one waits for us.
    select * into person from public.users u where u.id = keep_supabase_session.user_id for no key update;
    if person.id is null then
        if not (newcomer ->> 'may_join')::boolean then
            return jsonb_build_object('outcome', 'not_invited');
        end if;
        if (newcomer ->> 'first_is_admin')::boolean then
            -- Of two first people at the same moment only one is the first.
            perform pg_catalog.pg_advisory_xact_lock(hashtextextended('public.users', 0));
            is_admin := is_admin or not exists (select from public.users);
        end if;
        perform public.ensure_user(
            keep_supabase_session.user_id, keep_supabase_session.email, newcomer ->> 'name', is_admin
        );
    elsif person.deleted_at is not null then
        perform public.refuse(401, 'account_unknown');
    elsif person.email <> lower(keep_supabase_session.email) then
        begin
            update public.users u set email = lower(keep_supabase_session.email) where u.id = person.id;
        exception when unique_violation then
            perform public.refuse(409, 'email_taken');
        end;
    end if;
    if is_admin then
        update public.users u set role = 'admin' where u.id = keep_supabase_session.user_id and u.role <> 'admin';
    end if;
    insert into public.supabase_sessions as s (
        id, user_id, refresh_hashes, token_seconds, tokens_until, idle_until, expires_at
    )
    values (
        session_id, keep_supabase_session.user_id, array[refresh_hash],
        greatest(0, ceil(token_expires_at - extract(epoch from moment)))::integer, to_timestamp(token_expires_at),
        moment + make_interval(secs => idle_seconds), moment + make_interval(secs => session_seconds)
    )
    on conflict on constraint supabase_sessions_pkey do update set
        refresh_hashes = (array[refresh_hash] || array_remove(s.refresh_hashes, refresh_hash))[1:10],
        token_seconds = greatest(s.token_seconds, excluded.token_seconds),
        tokens_until = greatest(s.tokens_until, excluded.tokens_until),
        idle_until = excluded.idle_until
    where s.user_id = excluded.user_id and s.ended_at is null and least(s.idle_until, s.expires_at) > moment
    returning s.* into session;
    if session.id is null then
        return jsonb_build_object('outcome', 'session_over');
    end if;
    return jsonb_build_object(
        'outcome', 'kept',
        'user', public.get_session_user(keep_supabase_session.user_id),
        'refresh_seconds', ceil(extract(epoch from least(session.idle_until, session.expires_at) - moment))
    );
end
$$;
comment on function public.keep_supabase_session is
    'Records a session GoTrue opened or refreshed, and the person the first time: outcome kept (with user and '
    'refresh_seconds), session_over (it ended here before) or not_invited (nobody here, and newcomer.may_join is false). '
    'newcomer: {may_join, is_admin, first_is_admin, name}. 401 account_unknown (deleted), 409 email_taken.';

create function public.find_supabase_session(refresh_hash text) returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object(
        'session_id', s.id,
        'user_id', s.user_id,
        'is_over', s.ended_at is not null or least(s.idle_until, s.expires_at) <= clock_timestamp()
    )
    from public.supabase_sessions s where s.refresh_hashes @> array[refresh_hash] limit 1
);
comment on function public.find_supabase_session is 'Whose refresh token that is: {session_id, user_id, is_over}; null if unknown.';

create function public.end_supabase_session(
    session_id uuid, user_id uuid, refresh_hash text, token_expires_at double precision, everywhere boolean
) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
    target uuid := session_id;
    owner uuid := user_id;
    longest integer;
    one uuid;
begin
    if target is null then
        select s.id, s.user_id into target, owner from public.supabase_sessions s
        where s.refresh_hashes @> array[refresh_hash] and s.ended_at is null limit 1;
        if target is null then
            return null;
        end if;
    end if;
    if everywhere then
        -- A sign-in under way holds the person: wait for it, then its session is seen below.
        perform from public.users u where u.id = owner for update;
    end if;
    -- One that was opened elsewhere, by whoever signed in at GoTrue directly, ends here all the same.
    insert into public.supabase_sessions (
        id, user_id, refresh_hashes, token_seconds, tokens_until, idle_until, expires_at
    )
    select target, u.id, '{}', 0, coalesce(to_timestamp(token_expires_at), moment), moment, moment
    from public.users u where u.id = owner
    on conflict on constraint supabase_sessions_pkey do nothing;
    perform public.finish_supabase_session(target);
    if everywhere then
        for one in
            select s.id from public.supabase_sessions s where s.user_id = owner and s.ended_at is null order by s.id
        loop
            perform public.finish_supabase_session(one);
        end loop;
        select coalesce(max(s.token_seconds), 0) into longest from public.supabase_sessions s where s.user_id = owner;
        -- Also what was never recorded. GoTrue's iat is a whole second: whoever signs in again within this one is let in.
        perform public.add_supabase_revocation(
            null, owner, date_trunc('second', moment) - interval '1 second',
            moment + make_interval(secs => greatest(longest, 3600) + 60)
        );
    end if;
    return jsonb_build_object('session_id', target, 'user_id', owner);
end
$$;
comment on function public.end_supabase_session is
    'Signs out by session (and user_id, of a verified token that ends at token_expires_at) or by one of its refresh '
    'tokens, here or everywhere: {session_id, user_id}, null for an unknown refresh token.';

create function public.knows_user(user_id uuid) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object('known', exists (select from public.users u where u.id = knows_user.user_id));
comment on function public.knows_user is 'Whether somebody, also somebody deleted, has a row: {known}.';

create function public.keep_supabase_password(request_id uuid, sealed text) returns jsonb
language plpgsql set search_path = ''
as $$
begin
    insert into public.supabase_passwords (request_id, sealed) values (keep_supabase_password.request_id, keep_supabase_password.sealed);
    return jsonb_build_object('kept', true);
end
$$;
comment on function public.keep_supabase_password is 'Keeps an encrypted password until its mail is used, for a day at most.';

create function public.take_supabase_password(request_id uuid) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    taken text;
begin
    delete from public.supabase_passwords p
    where p.request_id = take_supabase_password.request_id and p.expires_at > clock_timestamp()
    returning p.sealed into taken;
    return jsonb_build_object('sealed', taken);
end
$$;
comment on function public.take_supabase_password is 'The encrypted password, once: {sealed}, null when there is none.';

create or replace function public.sweep_sign_ins() returns jsonb
language plpgsql set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    delete from public.permits p where p.useless_after < moment;
    delete from public.supabase_passwords p where p.expires_at < moment;
    -- Long after: a session that is over here may go on at GoTrue, and must not become unknown while somebody may come back.
    delete from public.supabase_sessions s
    where least(s.ended_at, s.idle_until, s.expires_at) < moment - interval '400 days';
    return jsonb_build_object('swept', true);
end
$$;

revoke all on table public.supabase_sessions, public.supabase_passwords from public, anon, authenticated;
grant select, insert, update, delete on table public.supabase_sessions, public.supabase_passwords to service_role;
revoke all on function public.add_supabase_revocation, public.finish_supabase_session, public.keep_supabase_session,
    public.find_supabase_session, public.end_supabase_session, public.knows_user, public.keep_supabase_password,
    public.take_supabase_password from public, anon, authenticated;
grant execute on function public.add_supabase_revocation, public.finish_supabase_session, public.keep_supabase_session,
    public.find_supabase_session, public.end_supabase_session, public.knows_user, public.keep_supabase_password,
    public.take_supabase_password to service_role;
