-- "At most n in a time" for whichever provider signs people in: in schema public, which RPC reaches.

create table public.permits (
    bucket text not null constraint permits_pkey primary key,
    taken timestamptz[] not null default '{}',
    useless_after timestamptz not null
);
comment on table public.permits is
    'What was permitted lately: mails to an address, logins, passwords and code tries from a network address.';
-- The sweep removes rows that outlived their window.
create index permits_useless_after_idx on public.permits (useless_after);

alter table public.permits enable row level security;
create policy permits_for_services on public.permits to service_role using (true) with check (true);

insert into public.permits (bucket, taken, useless_after) select p.bucket, p.taken, p.useless_after from builtin_auth.permits p;

create function public.take_permit(bucket text, permits integer, window_seconds integer) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    width interval := make_interval(secs => window_seconds);
    recent timestamptz[];
    moment timestamptz;
    allowed boolean;
begin
    -- The upsert takes the row's lock, so that of calls at the same time each sees what the one before took.
    insert into public.permits as p (bucket, useless_after)
    values (take_permit.bucket, clock_timestamp() + width)
    on conflict on constraint permits_pkey do update set bucket = excluded.bucket
    returning p.taken into recent;
    moment := clock_timestamp();
    recent := array(select t from unnest(recent) t where t > moment - width order by t);
    allowed := cardinality(recent) < permits;
    update public.permits p
    set taken = case when allowed then recent || moment else recent end, useless_after = moment + width
    where p.bucket = take_permit.bucket;
    return jsonb_build_object(
        'allowed', allowed,
        'retry_after_seconds', case when allowed then 0
            else greatest(1, ceil(extract(epoch from recent[1] + width - moment)))::integer end
    );
end
$$;
comment on function public.take_permit is
    'Takes one of `permits` in a sliding window: {allowed, retry_after_seconds}. A refused call takes none, and costs alike.';

create function public.return_permit(bucket text) returns jsonb
language plpgsql set search_path = ''
as $$
begin
    update public.permits p set taken = trim_array(p.taken, 1)
    where p.bucket = return_permit.bucket and cardinality(p.taken) > 0;
    return jsonb_build_object('returned', found);
end
$$;
comment on function public.return_permit is 'Gives the last one taken back: what it was for turned out to be no try at guessing.';

create or replace function builtin_auth.request_link(
    email text, token_hash text, code_hash text, requested_by text, may_join boolean
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    permitted boolean := (public.take_permit('mail:' || request_link.email, 5, 3600) ->> 'allowed')::boolean;
    known boolean := exists (select from builtin_auth.accounts a where a.email = request_link.email);
    welcome boolean := permitted and (known or may_join);
begin
    insert into builtin_auth.links (email, token_hash, code_hash, requested_by, mailed)
    values (request_link.email, request_link.token_hash, request_link.code_hash, request_link.requested_by, welcome);
    return jsonb_build_object('mail', welcome);
end
$$;

create or replace function builtin_auth.sweep() returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    delete from builtin_auth.links l where l.expires_at < moment - interval '1 hour';
    delete from builtin_auth.inbox i where i.sent_at < moment - interval '1 hour';
    -- A token spent long ago is then unknown instead of reused: refused all the same.
    delete from builtin_auth.refresh_tokens t where t.spent_at < moment - interval '7 days';
    delete from builtin_auth.sessions s
    where least(s.ended_at, s.idle_until, s.expires_at) < moment - interval '1 day';
    return jsonb_build_object('swept', true);
end
$$;
comment on function builtin_auth.sweep is 'Removes expired links, inbox mails, spent tokens and ended sessions. Any process, any time.';

create function public.sweep_sign_ins() returns jsonb
language plpgsql set search_path = ''
as $$
begin
    delete from public.permits p where p.useless_after < clock_timestamp();
    return jsonb_build_object('swept', true);
end
$$;
comment on function public.sweep_sign_ins is 'Removes what has outlived its use, of any provider. Any process, any time.';

drop function builtin_auth.take_permit;
drop table builtin_auth.permits;

revoke all on table public.permits from public, anon, authenticated;
grant select, insert, update, delete on table public.permits to service_role;
revoke all on function public.take_permit, public.return_permit, public.sweep_sign_ins
    from public, anon, authenticated;
grant execute on function public.take_permit, public.return_permit, public.sweep_sign_ins to service_role;
