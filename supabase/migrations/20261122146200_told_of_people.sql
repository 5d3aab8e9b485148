-- A changed person is told to everybody who shares a conversation with them, also a large group.

create function public.list_acquaintances(user_id uuid) returns jsonb
language sql stable set search_path = ''
return (
    select coalesce(jsonb_agg(near.user_id), '[]')
    from (
        select other.user_id
        from public.members mine
        join public.members other on other.conversation_id = mine.conversation_id and other.user_id <> mine.user_id
        left join public.presence p on p.user_id = other.user_id
        where mine.user_id = list_acquaintances.user_id
        group by other.user_id, p.online, p.last_seen
        -- A delivery has to fit a Kafka record. Whoever is not here reads names afresh when they come back.
        order by p.online desc nulls last, p.last_seen desc nulls last, other.user_id
        limit 10000
    ) near
);
comment on function public.list_acquaintances is
    'Those who share a conversation of any size with someone: of more than 10,000 those who are here, or were here last.';

create or replace function public.wire_outbox_row(item public.outbox) returns jsonb
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
    'to', public.list_acquaintances(item.user_id) || to_jsonb(item.user_id),
    'event', 'user.changed',
    'data', jsonb_build_object('user', (select public.wire_user(u) from public.users u where u.id = item.user_id))
) end;

revoke all on function public.list_acquaintances from public, anon, authenticated;
grant execute on function public.list_acquaintances to service_role;
