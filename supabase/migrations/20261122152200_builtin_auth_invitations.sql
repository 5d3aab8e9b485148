-- Invitations: links of their own, good for days and until the first sign-in, counted apart from an address's mails.

alter table builtin_auth.links add column invites boolean not null default false;
comment on column builtin_auth.links.invites is
    'An admin''s invitation: it has no code (code_hash is of nothing anybody knows), and is void once its person has come in.';
-- What a sign-in makes void.
create index links_invites_idx on builtin_auth.links (email) where invites;

create function builtin_auth.invite(email text, token_hash text, code_hash text, life_seconds integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    permitted boolean := (public.take_permit('invitation:' || invite.email, 5, 3600) ->> 'allowed')::boolean;
begin
    if permitted then
        insert into builtin_auth.links (email, token_hash, code_hash, mailed, invites, expires_at)
        values (
            invite.email, invite.token_hash, invite.code_hash, true, true,
            clock_timestamp() + make_interval(secs => life_seconds)
        );
    end if;
    return jsonb_build_object('mail', permitted);
end
$$;
comment on function builtin_auth.invite is
    'Keeps the link of an invitation to an account: {mail}, whether to send it; not after 5 in an hour, which are no other '
    'mails'' 5.';

create function builtin_auth.void_invitations() returns trigger
language plpgsql security invoker set search_path = ''
as $$
begin
    -- Who is held by another sign-in of the same person, that one voids: waiting for each other would help nobody.
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.id in (
        select i.id from builtin_auth.links i
        where i.invites and i.used_at is null
          and i.email = (select a.email from builtin_auth.accounts a where a.id = new.account_id)
        order by i.id for update skip locked
    );
    return null;
end
$$;
comment on function builtin_auth.void_invitations is 'A mail that signs in for days is not left behind by whoever is in.';

create trigger void_invitations after insert on builtin_auth.sessions
    for each row execute function builtin_auth.void_invitations();

revoke all on function builtin_auth.invite, builtin_auth.void_invitations from public, anon, authenticated;
grant execute on function builtin_auth.invite, builtin_auth.void_invitations to service_role;
