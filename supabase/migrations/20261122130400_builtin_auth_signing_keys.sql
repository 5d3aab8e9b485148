-- The keys access tokens are signed with, shared by all auth processes.

create table builtin_auth.signing_keys (
    kid text not null constraint signing_keys_pkey primary key,
    public_key jsonb not null,
    private_key text not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table builtin_auth.signing_keys is 'kid is the thumbprint (RFC 7638); private_key is encrypted with AUTH_SECRET.';

alter table builtin_auth.signing_keys enable row level security;
create policy signing_keys_for_services on builtin_auth.signing_keys to service_role using (true) with check (true);

create function builtin_auth.list_signing_keys() returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object('keys', coalesce(jsonb_agg(jsonb_build_object(
        'kid', k.kid, 'public_key', k.public_key, 'private_key', k.private_key
    ) order by k.created_at desc, k.kid), '[]'))
    from builtin_auth.signing_keys k
);
comment on function builtin_auth.list_signing_keys is 'Newest first: the first signs, all verify.';

create function builtin_auth.add_first_signing_key(kid text, public_key jsonb, private_key text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
    -- Several processes start at once: the first to have the lock brings the key, the others take it.
    lock table builtin_auth.signing_keys in share row exclusive mode;
    if not exists (select from builtin_auth.signing_keys) then
        insert into builtin_auth.signing_keys (kid, public_key, private_key)
        values (add_first_signing_key.kid, add_first_signing_key.public_key, add_first_signing_key.private_key);
    end if;
    return builtin_auth.list_signing_keys();
end
$$;
comment on function builtin_auth.add_first_signing_key is 'Keeps a key unless there is one; answers what list_signing_keys does.';

revoke all on table builtin_auth.signing_keys from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.signing_keys to service_role;
revoke all on function builtin_auth.list_signing_keys, builtin_auth.add_first_signing_key
    from public, anon, authenticated;
grant execute on function builtin_auth.list_signing_keys, builtin_auth.add_first_signing_key to service_role;
