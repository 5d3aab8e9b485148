-- The logins of Supabase Auth and PostgREST, which Supabase's own image brings and a plain Postgres lacks. Run once, by
-- the image, when the volume is new; `make migrate`'s files do the rest. The password of pulse_app is set there, too.
\set ON_ERROR_STOP on
\getenv auth_password AUTH_SERVER_DATABASE_PASSWORD
\getenv rest_password REST_DATABASE_PASSWORD

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;

create role authenticator login noinherit password :'rest_password';
grant anon, authenticated, service_role to authenticator;
-- Longer than any call of ours should take: a stuck one gives its connection back.
alter role authenticator set statement_timeout = '15s';
grant usage on schema public to anon, authenticated, service_role;

-- Supabase Auth makes and keeps its own schema. One of its migrations grants to `postgres`, this image's owner.
create role supabase_auth_admin login noinherit createrole password :'auth_password';
alter role supabase_auth_admin set search_path = 'auth';
create schema auth authorization supabase_auth_admin;
select format('grant create on database %I to supabase_auth_admin', current_database()) \gexec
