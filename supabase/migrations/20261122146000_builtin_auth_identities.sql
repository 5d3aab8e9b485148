-- People who sign in with Google, or another OpenID provider, known by what never changes there.

create table builtin_auth.identities (
    issuer text not null,
    subject text not null,
    account_id uuid not null
        constraint identities_account_id_fkey references builtin_auth.accounts on delete cascade,
    linked_at timestamptz not null default clock_timestamp(),
    constraint identities_pkey primary key (issuer, subject),
    -- An address that passes to another Google account does not bring this account along. Also for the cascade.
    constraint identities_account_key unique (account_id, issuer),
    constraint identities_issuer_length check (length(issuer) between 1 and 2000),
    constraint identities_subject_length check (length(subject) between 1 and 255)
);
comment on table builtin_auth.identities is
    'Who an account is at an OpenID provider (issuer and sub of its id tokens). Linked once, by a verified address; from '
    'then on the address may change there without changing who signs in here.';

alter table builtin_auth.identities enable row level security;
create policy identities_for_services on builtin_auth.identities to service_role using (true) with check (true);

create function builtin_auth.sign_in_by_identity(
    issuer text, subject text, email text, once text, once_seconds integer, newcomer jsonb,
    refresh_hash text, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    account builtin_auth.accounts;
    known boolean;
    opened jsonb;
begin
    if not (public.take_permit('once:' || once, 1, once_seconds) ->> 'allowed')::boolean then
        return jsonb_build_object('outcome', 'used');
    end if;
    -- Held, so that nobody removes the account while it signs in.
    select a.* into account
    from builtin_auth.identities i join builtin_auth.accounts a on a.id = i.account_id
    where i.issuer = sign_in_by_identity.issuer and i.subject = sign_in_by_identity.subject
    for key share of a;
    known := account.id is not null;
    if known then
        -- The provider's newer address was never confirmed for this account: it makes nobody an admin.
        if account.email <> sign_in_by_identity.email then
            newcomer := newcomer || jsonb_build_object('is_admin', false);
        end if;
    else
        account.email := sign_in_by_identity.email;
    end if;
    opened := builtin_auth.open_session(account.email, newcomer, refresh_hash, idle_seconds, session_seconds);
    if opened is null then
        return jsonb_build_object('outcome', 'not_invited');
    end if;
    if not known then
        begin
            insert into builtin_auth.identities (issuer, subject, account_id)
            values (sign_in_by_identity.issuer, sign_in_by_identity.subject, (opened -> 'user' ->> 'id')::uuid)
            on conflict on constraint identities_pkey do nothing; -- the same person, twice at the same moment
        exception when unique_violation then
            -- Raised, so that nothing of it stays.
            perform public.refuse(403, 'other_identity', '{"message": '
                '"This address signs in with another account of that service. Use a mailed link."}');
        end;
    end if;
    return opened || jsonb_build_object('outcome', 'signed_in');
end
$$;
comment on function builtin_auth.sign_in_by_identity is
    'A session (as open_session) for whom an OpenID provider vouches: found by issuer and subject, else linked by the '
    'verified email. outcome signed_in, used (once was seen in the last once_seconds), or not_invited. 403 other_identity '
    'when the address belongs to an account with another subject of the same issuer; 401 account_unknown; 409 email_taken.';

revoke all on table builtin_auth.identities from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.identities to service_role;
revoke all on function builtin_auth.sign_in_by_identity from public, anon, authenticated;
grant execute on function builtin_auth.sign_in_by_identity to service_role;
