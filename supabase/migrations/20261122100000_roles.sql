-- The roles that Supabase brings, for a Postgres that is not Supabase; and the login of our services.
-- pulse_app has no password here: whoever runs the migrations gives it one (ops/migrate.py).

do $$
declare
    wanted text;
begin
    foreach wanted in array array['anon', 'authenticated', 'service_role', 'pulse_app'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin noinherit', wanted);
            exception when duplicate_object or unique_violation then
                null; -- another database of this server was migrated at the same moment
            end;
        end if;
    end loop;
end
$$;

alter role pulse_app inherit;
-- Longer than any call of ours should take: a stuck one gives its connection back.
alter role pulse_app set statement_timeout = '15s';
grant service_role to pulse_app;
grant usage on schema public to service_role;
