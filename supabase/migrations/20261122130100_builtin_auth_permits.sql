-- "At most n in a time", exactly, agreed on by every auth process.

create table builtin_auth.permits (
    bucket text not null constraint permits_pkey primary key,
    taken timestamptz[] not null default '{}',
    useless_after timestamptz not null
);
comment on table builtin_auth.permits is
    'What was permitted lately: mails to an address, logins and code tries from a network address.';
-- The sweep removes rows that outlived their window.
create index permits_useless_after_idx on builtin_auth.permits (useless_after);

alter table builtin_auth.permits enable row level security;
create policy permits_for_services on builtin_auth.permits to service_role using (true) with check (true);

create function builtin_auth.take_permit(bucket text, permits integer, window_seconds integer) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    width interval := make_interval(secs => window_seconds);
    recent timestamptz[];
    moment timestamptz;
    allowed boolean;
begin
    -- The upsert takes the row's lock, so that of calls at the same time each sees what the one before took.
    insert into builtin_auth.permits as p (bucket, useless_after)
    values (take_permit.bucket, clock_timestamp() + width)
    on conflict on constraint permits_pkey do update set bucket = excluded.bucket
    returning p.taken into recent;
    moment := clock_timestamp();
    recent := array(select t from unnest(recent) t where t > moment - width order by t);
    allowed := cardinality(recent) < permits;
    update builtin_auth.permits p
    set taken = case when allowed then recent || moment else recent end, useless_after = moment + width
    where p.bucket = take_permit.bucket;
    return jsonb_build_object(
        'allowed', allowed,
        'retry_after_seconds', case when allowed then 0
            else greatest(1, ceil(extract(epoch from recent[1] + width - moment)))::integer end
    );
end
$$;
comment on function builtin_auth.take_permit is
    'Takes one of `permits` in a sliding window: {allowed, retry_after_seconds}. A refused call takes none, and costs alike.';

revoke all on table builtin_auth.permits from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.permits to service_role;
revoke all on function builtin_auth.take_permit from public, anon, authenticated;
grant execute on function builtin_auth.take_permit to service_role;
