-- Sessions that ended before their access tokens did. Auth writes; every chat and websocket process reads.

create table public.revocations (
    position bigint generated always as identity constraint revocations_pkey primary key,
    session_id text,
    user_id uuid,
    not_before timestamptz not null,
    expires_at timestamptz not null,
    constraint revocations_name_one check (num_nonnulls(session_id, user_id) = 1)
);
comment on table public.revocations is 'Tokens of a session or a user issued before not_before are refused; a row is useless after expires_at.';
-- Rows that outlived every token they end are removed with the next one.
create index revocations_expires_at_idx on public.revocations (expires_at);

alter table public.revocations enable row level security;
create policy revocations_for_services on public.revocations to service_role using (true) with check (true);

create function public.add_revocation(session_id text, user_id uuid, expires_at timestamptz) returns jsonb
language plpgsql set search_path = ''
as $$
begin
    -- A reader asks for "above position": under this lock positions become visible in their own order, none is skipped.
    lock table public.revocations in share row exclusive mode;
    delete from public.revocations r where r.expires_at < clock_timestamp();
    insert into public.revocations (session_id, user_id, not_before, expires_at)
    values (add_revocation.session_id, add_revocation.user_id, clock_timestamp(), add_revocation.expires_at);
    return jsonb_build_object('revoked', true);
end
$$;
comment on function public.add_revocation is 'For revoke_session and revoke_user only.';

create function public.revoke_session(session_id text, expires_at timestamptz) returns jsonb
language sql set search_path = ''
return public.add_revocation(session_id, null, expires_at);
comment on function public.revoke_session is 'Ends one session; expires_at: when its last access token ends.';

create function public.revoke_user(user_id uuid, expires_at timestamptz) returns jsonb
language sql set search_path = ''
return public.add_revocation(null, user_id, expires_at);
comment on function public.revoke_user is 'Ends all of a person''s sessions; expires_at: when the last access token ends.';

create function public.list_revocations(after_position bigint) returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object(
        'revocations', coalesce(jsonb_agg(jsonb_build_object(
            'session_id', r.session_id,
            'user_id', r.user_id,
            'not_before', public.wire_time(r.not_before),
            'expires_at', public.wire_time(r.expires_at)
        ) order by r.position), '[]'),
        'position', coalesce(max(r.position), after_position)
    )
    from public.revocations r
    where r.position > after_position and r.expires_at > clock_timestamp()
);
comment on function public.list_revocations is 'What still counts, above a position; ask again from the position it answers.';

revoke all on table public.revocations from public, anon, authenticated;
grant select, insert, update, delete on table public.revocations to service_role;
-- Hosted projects grant new sequences to anon and authenticated too, also those behind an identity column.
revoke all on sequence public.revocations_position_seq from public, anon, authenticated;
grant usage on sequence public.revocations_position_seq to service_role;
revoke all on function public.add_revocation, public.revoke_session, public.revoke_user, public.list_revocations
    from public, anon, authenticated;
grant execute on function public.add_revocation, public.revoke_session, public.revoke_user, public.list_revocations
    to service_role;
