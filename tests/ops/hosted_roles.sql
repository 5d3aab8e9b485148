-- What a hosted project looks like before the first migration, as far as roles and grants go: facts from the public
-- repository supabase/postgres (migrations/db, init-scripts). Its superuser is never the customer's; what a customer
-- is given is the role `postgres`, here `project_owner` because a test server's superuser has that name.

create role project_owner nosuperuser createdb createrole login replication bypassrls;
alter role project_owner set search_path to "$user", public, extensions;

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator noinherit login;
grant anon, authenticated, service_role to authenticator;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

grant anon, authenticated, service_role, authenticator to project_owner;
do $$
begin
    -- From 16 on CREATEROLE alone no longer hands out roles that others made.
    if current_setting('server_version_num')::int >= 160000 then
        grant anon, authenticated, service_role, authenticator to project_owner with admin option;
    end if;
end
$$;

create schema extensions;
grant usage on schema public, extensions to project_owner, anon, authenticated, service_role;
grant create on schema public to project_owner;

alter default privileges in schema public grant all on tables to project_owner, anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to project_owner, anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to project_owner, anon, authenticated, service_role;
alter default privileges for role project_owner in schema public
    grant all on tables to project_owner, anon, authenticated, service_role;
alter default privileges for role project_owner in schema public
    grant all on functions to project_owner, anon, authenticated, service_role;
alter default privileges for role project_owner in schema public
    grant all on sequences to project_owner, anon, authenticated, service_role;
