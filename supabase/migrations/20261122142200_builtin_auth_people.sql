-- Accounts made and removed by an admin, or removed by their owner.

create function builtin_auth.create_account(email text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
    insert into builtin_auth.accounts (email) values (create_account.email)
    on conflict on constraint accounts_email_key do nothing;
    return (select jsonb_build_object('id', a.id) from builtin_auth.accounts a where a.email = create_account.email);
end
$$;
comment on function builtin_auth.create_account is 'The account of an address, made if need be: {id}.';

create function builtin_auth.delete_account(account uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    address text := (select a.email from builtin_auth.accounts a where a.id = account);
begin
    -- Links before the account, as a sign-in takes them: the other way round the two could wait for each other.
    delete from builtin_auth.links l where l.email = address;
    delete from builtin_auth.inbox i where i.recipient = address;
    delete from builtin_auth.accounts a where a.id = account;
    return jsonb_build_object('deleted', address is not null);
end
$$;
comment on function builtin_auth.delete_account is
    'Removes an account with its sessions, links and kept mails. {deleted: false} when there was none.';

revoke all on function builtin_auth.create_account, builtin_auth.delete_account from public, anon, authenticated;
grant execute on function builtin_auth.create_account, builtin_auth.delete_account to service_role;
