-- Which migrations were applied: for `make doctor`, which may hold nothing but the keys of the API.

create function public.list_migrations() returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    return jsonb_build_object('versions', (
        select coalesce(jsonb_agg(m.version order by m.version), '[]') from supabase_migrations.schema_migrations m
    ));
exception when undefined_table or invalid_schema_name or insufficient_privilege then
    return jsonb_build_object('versions', null);
end
$$;
comment on function public.list_migrations is
    'Versions in the record of the Supabase CLI and of make migrate; null where the files were run by hand, without one.';

do $$
begin
    grant usage on schema supabase_migrations to service_role;
    grant select on table supabase_migrations.schema_migrations to service_role;
exception when undefined_table or invalid_schema_name or insufficient_privilege then
    null; -- run by hand, without a record
end
$$;

revoke all on function public.list_migrations from public, anon, authenticated;
grant execute on function public.list_migrations to service_role;
