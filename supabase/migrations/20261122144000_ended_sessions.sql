-- Sessions that ended here stay ended until Supabase Auth has heard of it, and ending them at once is no deadlock.

alter table public.supabase_sessions add column told_at timestamptz;
comment on column public.supabase_sessions.told_at is
    'When Supabase Auth said that it knows of the end. Until then it may refresh the session: its revocation is renewed.';
-- Those that ended before this was kept have been told since, or never will be.
update public.supabase_sessions set told_at = ended_at where ended_at is not null;
-- What the sweep looks for.
create index supabase_sessions_untold_idx on public.supabase_sessions (id) where ended_at is not null and told_at is null;

create or replace function public.finish_supabase_session(session_id uuid) returns void
language plpgsql set search_path = ''
as $$
declare
    session public.supabase_sessions;
    useless_after timestamptz;
begin
    update public.supabase_sessions s set ended_at = clock_timestamp()
    where s.id = finish_supabase_session.session_id and s.ended_at is null
    returning s.* into session;
    if session.id is null then
        return;
    end if;
    -- A minute more, for clocks that differ; and until the sweep has come by, who renews it while GoTrue was not told.
    useless_after := greatest(session.tokens_until + interval '1 minute', clock_timestamp() + interval '1 hour');
    -- All its tokens, whenever GoTrue's clock says they were issued: none will be handed out again.
    perform public.add_supabase_revocation(session.id::text, null, useless_after, useless_after);
end
$$;

create or replace function public.end_supabase_session(
    session_id uuid, user_id uuid, refresh_hash text, token_expires_at double precision, everywhere boolean
) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    moment timestamptz := clock_timestamp();
    target uuid := session_id;
    owner uuid := user_id;
    one uuid;
begin
    if target is null then
        select s.id, s.user_id into target, owner from public.supabase_sessions s
        where s.refresh_hashes @> array[refresh_hash] and s.ended_at is null limit 1;
        if target is null then
            return null;
        end if;
    end if;
    -- Locks are taken in one order by all: the person, sessions by id, revocations.
    if everywhere then
        -- A sign-in under way holds the person: wait for it, then its session is seen below.
        perform from public.users u where u.id = owner for update;
    else
        -- The foreign key of a new row would ask for it, too late.
        perform from public.users u where u.id = owner for key share;
    end if;
    -- One that was opened elsewhere, by whoever signed in at GoTrue directly, ends here all the same.
    insert into public.supabase_sessions (
        id, user_id, refresh_hashes, token_seconds, tokens_until, idle_until, expires_at
    )
    select target, u.id, '{}', 0, coalesce(to_timestamp(token_expires_at), moment), moment, moment
    from public.users u where u.id = owner
    on conflict on constraint supabase_sessions_pkey do nothing;
    if everywhere then
        perform from public.supabase_sessions s where s.user_id = owner and s.ended_at is null
        order by s.id for no key update;
    end if;
    perform public.finish_supabase_session(target);
    if everywhere then
        for one in
            select s.id from public.supabase_sessions s where s.user_id = owner and s.ended_at is null order by s.id
        loop
            perform public.finish_supabase_session(one);
        end loop;
        -- Also what was never recorded: longer than any access token lives, Supabase allows a week.
        -- GoTrue's iat is a whole second: whoever signs in again within this one is let in.
        perform public.add_supabase_revocation(
            null, owner, date_trunc('second', moment) - interval '1 second', moment + interval '8 days'
        );
    end if;
    return jsonb_build_object('session_id', target, 'user_id', owner);
end
$$;

-- A sign-in waits for a sign-out everywhere, but not for ever.
alter function public.keep_supabase_session set lock_timeout = '2s';

create function public.note_supabase_session_told(session_id uuid, everywhere boolean) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    target public.supabase_sessions;
begin
    select * into target from public.supabase_sessions s where s.id = note_supabase_session_told.session_id;
    update public.supabase_sessions s set told_at = clock_timestamp()
    where s.told_at is null and s.id in (
        select o.id from public.supabase_sessions o
        where o.id = target.id
           or (everywhere and o.user_id = target.user_id and o.ended_at is not null and o.opened_at <= target.ended_at)
        order by o.id for no key update
    );
    return jsonb_build_object('noted', found);
end
$$;
comment on function public.note_supabase_session_told is
    'Supabase Auth knows that this session is over; everywhere: and all others of its owner that were open when it ended.';

create function public.renew_supabase_revocations() returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    moment timestamptz := clock_timestamp();
    useless_after timestamptz := moment + interval '1 day';
    due uuid[];
    one uuid;
begin
    select array_agg(found_session.id) into due
    from (
        select s.id from public.supabase_sessions s
        where s.ended_at is not null and s.told_at is null
          and not exists (
              select from public.revocations r
              where r.session_id = s.id::text and r.expires_at > moment + interval '30 minutes'
          )
        order by s.id limit 1000
        for no key update skip locked
    ) found_session;
    foreach one in array coalesce(due, '{}') loop
        perform public.add_supabase_revocation(one::text, null, useless_after, useless_after);
    end loop;
    return jsonb_build_object('renewed', cardinality(coalesce(due, '{}')));
end
$$;
comment on function public.renew_supabase_revocations is
    'Goes on revoking what ended here while Supabase Auth, which was not reached, may still refresh it: {renewed}.';

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
    perform public.renew_supabase_revocations();
    return jsonb_build_object('swept', true);
end
$$;

create or replace function public.list_users(caller uuid, query text, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    -- Read here: a query's plan may never come to what is wrong with a forged one.
    after_name text := keys ->> 0;
    after_id uuid := (keys ->> 1)::uuid;
    wanted text := lower(btrim(coalesce(query, '')));
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
        'users', coalesce(jsonb_agg(public.wire_user(u) order by position) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(sort_name, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;

revoke all on function public.note_supabase_session_told, public.renew_supabase_revocations
    from public, anon, authenticated;
grant execute on function public.note_supabase_session_told, public.renew_supabase_revocations to service_role;
