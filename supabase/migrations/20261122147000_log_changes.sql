-- The road every later change of a conversation takes: the next position of its log, and an event to tell.

create function public.add_to_log(
    conversation_id uuid, event text, message_id uuid, user_id uuid, leased_until timestamptz
) returns uuid
language plpgsql set search_path = ''
as $$
declare
    next_seq bigint;
    queued uuid;
begin
    update public.conversations c set last_seq = c.last_seq + 1, changed_at = clock_timestamp()
    where c.id = add_to_log.conversation_id
    returning c.last_seq into next_seq;
    insert into public.conversation_log (conversation_id, seq, event, message_id, user_id)
    values (add_to_log.conversation_id, next_seq, add_to_log.event, add_to_log.message_id, add_to_log.user_id);
    insert into public.outbox (conversation_id, seq, leased_until)
    values (add_to_log.conversation_id, next_seq, add_to_log.leased_until)
    returning id into queued;
    return queued;
end
$$;
comment on function public.add_to_log is
    'The next entry of a conversation''s log and its outbox row, whose id it returns. The caller holds the conversation''s lock.';

create function public.wire_deliveries(ids uuid[]) returns jsonb
language sql stable set search_path = ''
return (
    select coalesce(jsonb_agg(public.wire_outbox_row(o) order by o.seq), '[]') from public.outbox o where o.id = any(ids)
);
comment on function public.wire_deliveries is 'Outbox rows of one conversation as deliveries, in the order of its log.';

revoke all on function public.add_to_log, public.wire_deliveries from public, anon, authenticated;
grant execute on function public.add_to_log, public.wire_deliveries to service_role;
