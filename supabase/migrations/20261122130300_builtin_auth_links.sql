-- Mailed links and codes: single use, ten minutes, hashes only.

create table builtin_auth.links (
    id bigint generated always as identity constraint links_pkey primary key,
    email text not null,
    token_hash text not null constraint links_token_hash_key unique,
    code_hash text not null,
    requested_by text,
    mailed boolean not null,
    wrong_codes integer not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null default clock_timestamp() + interval '10 minutes',
    used_at timestamptz,
    constraint links_email_length check (length(email) between 3 and 320)
);
comment on table builtin_auth.links is
    'One row a request; mailed is false where none went out (too many, not invited), so that every address costs alike.';
-- The live codes of an address.
create index links_email_idx on builtin_auth.links (email, id);
-- The sweep removes what has expired.
create index links_expires_at_idx on builtin_auth.links (expires_at);

alter table builtin_auth.links enable row level security;
create policy links_for_services on builtin_auth.links to service_role using (true) with check (true);

create function builtin_auth.request_link(
    email text, token_hash text, code_hash text, requested_by text, may_join boolean
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    permitted boolean := (builtin_auth.take_permit('mail:' || request_link.email, 5, 3600) ->> 'allowed')::boolean;
    known boolean := exists (select from builtin_auth.accounts a where a.email = request_link.email);
    welcome boolean := permitted and (known or may_join);
begin
    insert into builtin_auth.links (email, token_hash, code_hash, requested_by, mailed)
    values (request_link.email, request_link.token_hash, request_link.code_hash, request_link.requested_by, welcome);
    return jsonb_build_object('mail', welcome);
end
$$;
comment on function builtin_auth.request_link is
    'Keeps a new link and says {mail}: whether to send it. No for an address with neither account nor may_join, and '
    'after 5 mails in an hour; older links stay good.';

create function builtin_auth.find_link(token_hash text) returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object(
        'email', l.email,
        'requested_by', l.requested_by,
        'age_seconds', floor(extract(epoch from clock_timestamp() - l.created_at))
    )
    from builtin_auth.links l
    where l.token_hash = find_link.token_hash and l.mailed and l.used_at is null and l.expires_at > clock_timestamp()
);
comment on function builtin_auth.find_link is 'A link that would still work: {email, requested_by, age_seconds}; consumes nothing.';

create function builtin_auth.confirm_link(
    token_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    address text;
begin
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.token_hash = confirm_link.token_hash and l.mailed and l.used_at is null and l.expires_at > clock_timestamp()
    returning l.email into address;
    if address is null then
        return null;
    end if;
    return builtin_auth.open_session(address, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;
comment on function builtin_auth.confirm_link is
    'Uses up a link, and its mail''s code with it, for a session (as open_session); null when it is used, expired or unknown.';

create function builtin_auth.confirm_code(
    email text, code_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    live bigint[];
    used bigint;
begin
    -- Locked one by one in order; a row another call used up while we waited drops out.
    live := array(
        select l.id from builtin_auth.links l
        where l.email = confirm_code.email and l.mailed and l.used_at is null and l.wrong_codes < 5
          and l.expires_at > clock_timestamp()
        order by l.id for update
    );
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.id = (
        select o.id from builtin_auth.links o
        where o.id = any (live) and o.code_hash = confirm_code.code_hash order by o.id desc limit 1
    )
    returning l.id into used;
    if used is null then
        update builtin_auth.links l set wrong_codes = l.wrong_codes + 1 where l.id = any (live);
        return null;
    end if;
    return builtin_auth.open_session(confirm_code.email, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;
comment on function builtin_auth.confirm_code is
    'As confirm_link, by the code of any live mail to the address. A wrong one counts against all of them; 5 end a code.';

revoke all on table builtin_auth.links from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.links to service_role;
revoke all on all sequences in schema builtin_auth from public, anon, authenticated;
grant usage on all sequences in schema builtin_auth to service_role;
revoke all on function builtin_auth.request_link, builtin_auth.find_link, builtin_auth.confirm_link,
    builtin_auth.confirm_code from public, anon, authenticated;
grant execute on function builtin_auth.request_link, builtin_auth.find_link, builtin_auth.confirm_link,
    builtin_auth.confirm_code to service_role;
