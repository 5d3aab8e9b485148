-- Who chose a password at Supabase Auth, which does not tell, and ending all sessions of a person but one.

create table public.supabase_password_owners (
    user_id uuid not null constraint supabase_password_owners_pkey primary key
        constraint supabase_password_owners_user_id_fkey references public.users (id),
    known_since timestamptz not null default clock_timestamp()
);
comment on table public.supabase_password_owners is
    'People known to have a password of their own at Supabase Auth, where everybody has one, made up for who came by link: '
    'they say it before they change it.';

alter table public.supabase_password_owners enable row level security;
create policy supabase_password_owners_for_services on public.supabase_password_owners
    to service_role using (true) with check (true);

create function public.note_supabase_password(user_id uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
begin
    insert into public.supabase_password_owners (user_id) values (note_supabase_password.user_id)
    on conflict on constraint supabase_password_owners_pkey do nothing;
    return jsonb_build_object('noted', found);
end
$$;
comment on function public.note_supabase_password is 'This person has a password of their own. Safe to repeat.';

create function public.has_supabase_password(user_id uuid) returns jsonb
language sql stable set search_path = ''
return jsonb_build_object(
    'known', exists (select from public.supabase_password_owners o where o.user_id = has_supabase_password.user_id)
);
comment on function public.has_supabase_password is 'Whether this person is known to have a password of their own: {known}.';

create function public.end_other_supabase_sessions(user_id uuid, kept_session uuid) returns jsonb
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
    one uuid;
    ended jsonb := '[]';
begin
    -- As end_supabase_session: the person, sessions by id, revocations.
    perform from public.users u where u.id = end_other_supabase_sessions.user_id for update;
    for one in
        select s.id from public.supabase_sessions s
        where s.user_id = end_other_supabase_sessions.user_id and s.ended_at is null and s.id <> kept_session
        order by s.id for no key update
    loop
        perform public.finish_supabase_session(one);
        ended := ended || to_jsonb(one);
    end loop;
    -- Supabase Auth ended them itself, when it took the new password.
    update public.supabase_sessions s set told_at = clock_timestamp()
    where s.id in (select value::uuid from jsonb_array_elements_text(ended));
    return jsonb_build_object('ended', ended);
end
$$;
comment on function public.end_other_supabase_sessions is
    'After a change of the password there: ends a person''s recorded sessions but one, {ended: their ids}.';

revoke all on table public.supabase_password_owners from public, anon, authenticated;
grant select, insert, update, delete on table public.supabase_password_owners to service_role;
revoke all on function public.note_supabase_password, public.has_supabase_password, public.end_other_supabase_sessions
    from public, anon, authenticated;
grant execute on function public.note_supabase_password, public.has_supabase_password, public.end_other_supabase_sessions
    to service_role;
