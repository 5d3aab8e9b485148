-- The built-in identity provider keeps its rows in a schema of its own, which no Supabase API exposes.

create schema builtin_auth;
comment on schema builtin_auth is 'The built-in identity provider: accounts, links, sessions, keys. Only services/auth reads it.';
revoke all on schema builtin_auth from public, anon, authenticated;
grant usage on schema builtin_auth to service_role;

create table builtin_auth.accounts (
    id uuid not null default gen_random_uuid() constraint accounts_pkey primary key,
    email text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint accounts_email_length check (length(email) between 3 and 320),
    constraint accounts_email_key unique (email)
);
comment on table builtin_auth.accounts is
    'Who has confirmed an address; email is normalised by services/auth/addresses.py. id is public.users.id.';

alter table builtin_auth.accounts enable row level security;
create policy accounts_for_services on builtin_auth.accounts to service_role using (true) with check (true);

revoke all on table builtin_auth.accounts from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.accounts to service_role;
