-- What was committed and must still be told: written in the sender's transaction, taken away after delivery.

create table public.outbox (
    id uuid not null default gen_random_uuid() constraint outbox_pkey primary key,
    conversation_id uuid,
    seq bigint,
    user_id uuid constraint outbox_user_id_fkey references public.users (id),
    leased_until timestamptz not null,
    refusals integer not null default 0,
    parked_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    constraint outbox_log_fkey foreign key (conversation_id, seq)
        references public.conversation_log (conversation_id, seq),
    constraint outbox_names_one check (num_nonnulls(seq, user_id) = 1 and (seq is null) = (conversation_id is null))
);
comment on table public.outbox is
    'A reference to a log entry, or to a changed user. Born leased to the process that pushes it at once; overdue rows are anybody''s.';
-- The sweeper: what is overdue, oldest first.
create index outbox_due_idx on public.outbox (leased_until) where parked_at is null;

alter table public.outbox enable row level security;
create policy outbox_for_services on public.outbox to service_role using (true) with check (true);

create function public.first_lease() returns timestamptz
language sql volatile set search_path = ''
return clock_timestamp() + interval '5 seconds';
comment on function public.first_lease is 'How long the writing process has to push a row itself.';

create function public.list_recipients(conversation_id uuid, also uuid default null) returns jsonb
language sql stable set search_path = ''
return (
    select coalesce(jsonb_agg(heard.user_id), '[]') from (
        select m.user_id from public.members m where m.conversation_id = list_recipients.conversation_id
        union
        select also where also is not null
    ) heard
);
comment on function public.list_recipients is 'The members now, and for a member who left that one.';

create function public.list_peers(user_id uuid) returns jsonb
language sql stable set search_path = ''
return (
    select coalesce(jsonb_agg(distinct other.user_id), '[]')
    from public.members mine
    join public.conversations c on c.id = mine.conversation_id and c.member_count <= 100
    join public.members other on other.conversation_id = mine.conversation_id and other.user_id <> mine.user_id
    where mine.user_id = list_peers.user_id
);
comment on function public.list_peers is 'Those who share a conversation of at most 100 members with someone.';

create function public.wire_outbox_row(item public.outbox) returns jsonb
language sql stable set search_path = ''
return case when item.seq is not null then (
    select jsonb_build_object(
        'id', item.id,
        'to', public.list_recipients(item.conversation_id, case entry.event when 'member.left' then entry.user_id end),
        'event', entry.event,
        'data', public.wire_log_entry(entry) -> 'data'
    )
    from public.conversation_log entry
    where entry.conversation_id = item.conversation_id and entry.seq = item.seq
) else jsonb_build_object(
    'id', item.id,
    'to', public.list_peers(item.user_id) || to_jsonb(item.user_id),
    'event', 'user.changed',
    'data', jsonb_build_object('user', (select public.wire_user(u) from public.users u where u.id = item.user_id))
) end;
comment on function public.wire_outbox_row is 'A delivery: {id, to, event, data}.';

create function public.take_outbox(page_limit integer) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    taken jsonb;
begin
    with due as (
        select o.id from public.outbox o
        where o.parked_at is null and o.leased_until <= clock_timestamp()
        order by o.leased_until
        limit page_limit
        for update skip locked
    ), leased as (
        update public.outbox o set leased_until = clock_timestamp() + interval '30 seconds'
        from due where o.id = due.id
        returning o.*
    )
    select coalesce(jsonb_agg(public.wire_outbox_row(l::public.outbox) order by l.created_at, l.seq), '[]')
    into taken from leased l;
    return taken;
end
$$;
comment on function public.take_outbox is 'Leases what is overdue for 30 s and returns it as deliveries. Several processes never take the same row.';

create function public.finish_outbox(ids jsonb) returns jsonb
language sql set search_path = ''
begin atomic
    -- Should a power cut undo this, the row is delivered once more, which clients drop: not worth waiting for a disk.
    select set_config('synchronous_commit', 'off', true);
    with gone as (
        delete from public.outbox o
        where o.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning 1
    )
    select jsonb_build_object('finished', count(*)) from gone;
end;
comment on function public.finish_outbox is 'Accepted by the websocket service: done. Unknown ids are fine.';

create function public.release_outbox(ids jsonb) returns jsonb
language sql set search_path = ''
begin atomic
    with free as (
        update public.outbox o set leased_until = clock_timestamp()
        where o.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning 1
    )
    select jsonb_build_object('released', count(*)) from free;
end;
comment on function public.release_outbox is 'The websocket service is away: overdue at once, so that nobody waits out a lease when it is back.';

create function public.refuse_outbox(ids jsonb) returns jsonb
language sql set search_path = ''
begin atomic
    with refused as (
        update public.outbox o set
            refusals = o.refusals + 1,
            leased_until = clock_timestamp() + interval '1 second' * o.refusals,
            parked_at = (select clock_timestamp() where o.refusals >= 4)
        where o.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning o.parked_at
    )
    select jsonb_build_object('parked', count(parked_at)) from refused;
end;
comment on function public.refuse_outbox is 'Refused as malformed: tried again with pauses, parked after the fifth time.';

create function public.measure_outbox() returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object(
        'waiting', count(*) filter (where parked_at is null),
        'parked', count(parked_at),
        'oldest_seconds', coalesce(
            extract(epoch from clock_timestamp() - min(created_at) filter (where parked_at is null)), 0
        )
    )
    from public.outbox
);
comment on function public.measure_outbox is 'For the metrics: how much is not told yet, and since when.';

revoke all on table public.outbox from public, anon, authenticated;
grant select, insert, update, delete on table public.outbox to service_role;
revoke all on function public.first_lease, public.list_recipients, public.list_peers, public.wire_outbox_row,
    public.take_outbox, public.finish_outbox, public.release_outbox, public.refuse_outbox, public.measure_outbox
    from public, anon, authenticated;
grant execute on function public.first_lease, public.list_recipients, public.list_peers, public.wire_outbox_row,
    public.take_outbox, public.finish_outbox, public.release_outbox, public.refuse_outbox, public.measure_outbox
    to service_role;
