-- Ending all other sessions after a new password is no deadlock with signing out of one of them: a cursor locks its rows
-- a few at a time, and would ask for the next ones while it holds the list of revocations.

create or replace function builtin_auth.end_other_sessions(account uuid, kept_session uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    one uuid;
    others uuid[];
    ended jsonb := '[]';
begin
    -- As end_session: the sessions by id, then revocations.
    others := array(
        select s.id from builtin_auth.sessions s
        where s.account_id = account and s.ended_at is null and s.id is distinct from kept_session
        order by s.id for update
    );
    foreach one in array others loop
        perform builtin_auth.finish_session(one);
        ended := ended || to_jsonb(one);
    end loop;
    return ended;
end
$$;

create or replace function public.end_other_supabase_sessions(user_id uuid, kept_session uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    one uuid;
    others uuid[];
begin
    -- As end_supabase_session: the person, sessions by id, revocations.
    perform from public.users u where u.id = end_other_supabase_sessions.user_id for update;
    others := array(
        select s.id from public.supabase_sessions s
        where s.user_id = end_other_supabase_sessions.user_id and s.ended_at is null and s.id <> kept_session
        order by s.id for no key update
    );
    foreach one in array others loop
        perform public.finish_supabase_session(one);
    end loop;
    -- Supabase Auth ended them itself, when it took the new password.
    update public.supabase_sessions s set told_at = clock_timestamp() where s.id = any (others);
    return jsonb_build_object('ended', to_jsonb(others));
end
$$;
