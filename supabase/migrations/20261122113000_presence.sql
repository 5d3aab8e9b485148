-- When someone was last here. Who is online right now only the websocket service knows.

create table public.presence (
    user_id uuid not null constraint presence_pkey primary key
        constraint presence_user_id_fkey references public.users (id),
    online boolean not null,
    last_seen timestamptz not null
);
comment on table public.presence is 'The last change of somebody''s online state, as the websocket service reported it.';

alter table public.presence enable row level security;
create policy presence_for_services on public.presence to service_role using (true) with check (true);

create function public.record_presence(changes jsonb) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    told jsonb;
begin
    with change as (
        select distinct on (c.user_id) c.user_id, c.online, c.at
        from jsonb_to_recordset(changes) as c (user_id uuid, online boolean, at timestamptz)
        join public.users u on u.id = c.user_id and u.deleted_at is null
        order by c.user_id, c.at desc
    ), recorded as (
        insert into public.presence as p (user_id, online, last_seen)
        select change.user_id, change.online, change.at from change order by change.user_id
        on conflict (user_id) do update set online = excluded.online, last_seen = excluded.last_seen
        where p.last_seen <= excluded.last_seen
        returning p.user_id, p.online, p.last_seen
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'to', public.list_peers(r.user_id),
        'data', jsonb_build_object(
            'user_id', r.user_id, 'online', r.online, 'last_seen', public.wire_time(r.last_seen)
        )
    )), '[]') into told from recorded r;
    return told;
end
$$;
comment on function public.record_presence is
    'Keeps [{user_id, online, at}], the newest of each person, and returns who hears of it: [{to, data}].';

create function public.list_presence(caller uuid, ids jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_caller(caller);
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'user_id', peer.id, 'last_seen', public.wire_time(p.last_seen)
        ) order by peer.id), '[]')
        from (
            select value::uuid as id from jsonb_array_elements_text(ids)
            intersect
            select other.user_id
            from public.members mine
            join public.members other on other.conversation_id = mine.conversation_id
            where mine.user_id = caller
        ) peer
        left join public.presence p on p.user_id = peer.id
    );
end
$$;
comment on function public.list_presence is 'Of the given people those who share a conversation with the caller: [{user_id, last_seen}].';

revoke all on table public.presence from public, anon, authenticated;
grant select, insert, update, delete on table public.presence to service_role;
revoke all on function public.record_presence, public.list_presence from public, anon, authenticated;
grant execute on function public.record_presence, public.list_presence to service_role;
