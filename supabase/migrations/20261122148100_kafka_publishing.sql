-- Publishing what waits for Kafka: taken in order, rendered apart, finished after the broker's acknowledgement.

create function public.take_kafka_outbox(page_limit integer) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    taken jsonb;
begin
    -- One take at a time, so that each sees the leases of the one before it and no key is published by two at once.
    -- Whoever finds it taken asks again soon: a client that stops reading must not make others wait here.
    if not pg_try_advisory_xact_lock(hashtext('public.take_kafka_outbox')) then
        return jsonb_build_object('ids', '[]'::jsonb, 'busy', true);
    end if;
    with busy as materialized (
        select distinct k.key from public.kafka_outbox k
        where k.leased_until > clock_timestamp() and k.parked_at is null
    ), due as materialized (
        select k.id, k.position from public.kafka_outbox k
        where k.parked_at is null and not exists (select from busy b where b.key = k.key)
        order by k.position
        limit page_limit
        for update skip locked
    ), leased as (
        update public.kafka_outbox k set leased_until = clock_timestamp() + interval '15 seconds'
        from due where k.id = due.id
        returning due.id, due.position
    )
    select coalesce(jsonb_agg(l.id order by l.position), '[]') into taken from leased l;
    return jsonb_build_object('ids', taken, 'busy', false);
end
$$;
comment on function public.take_kafka_outbox is
    'Leases the next rows for 15 s, none of a key that is being published: {ids, busy}; busy: another is taking right now.';

create function public.render_kafka_outbox(ids jsonb) returns jsonb
language sql stable set search_path = ''
return (
    with waiting as materialized (
        select k.* from public.kafka_outbox k
        where k.id in (select value::uuid from jsonb_array_elements_text(ids))
    ), recipients as materialized (
        -- Once for each conversation: a batch may hold many messages of a group of thousands.
        select c.conversation_id, public.list_recipients(c.conversation_id) as "to"
        from (select distinct w.conversation_id from waiting w where w.conversation_id is not null) c
    ), rendered as (
        -- As wire_outbox_row has it, for the many at once.
        select w.key, w.created_at, w.position, jsonb_build_object(
            'id', w.id, 'to', r."to", 'event', entry.event,
            'data', jsonb_build_object(
                'conversation_id', w.conversation_id, 'seq', w.seq, 'message', public.wire_message(m)
            )
        ) as event
        from waiting w
        join public.conversation_log entry on entry.conversation_id = w.conversation_id and entry.seq = w.seq
        join public.messages m on m.id = entry.message_id
        join recipients r on r.conversation_id = w.conversation_id
        union all
        select w.key, w.created_at, w.position,
               public.wire_outbox_row(jsonb_populate_record(null::public.outbox, to_jsonb(w)))
        from waiting w
        where not exists (
            select from public.conversation_log entry
            where entry.conversation_id = w.conversation_id and entry.seq = w.seq and entry.message_id is not null
        )
    )
    select coalesce(jsonb_agg(
        d.event || jsonb_build_object('key', d.key, 'occurred_at', public.wire_time(d.created_at)) order by d.position
    ), '[]')
    from rendered d where d.event is not null
);
comment on function public.render_kafka_outbox is
    'These rows as deliveries with key and occurred_at, in order; what is no more is left out.';

create function public.finish_kafka_outbox(ids jsonb, delivers boolean) returns jsonb
language sql set search_path = ''
begin atomic
    -- Should a power cut undo this, it is published once more under the same id: not worth waiting for a disk.
    select set_config('synchronous_commit', 'off', true);
    with told as (
        delete from public.outbox o
        where delivers and o.id in (select value::uuid from jsonb_array_elements_text(ids))
    ), gone as (
        delete from public.kafka_outbox k
        where k.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning 1
    )
    select jsonb_build_object('finished', count(*)) from gone;
end;
comment on function public.finish_kafka_outbox is
    'Acknowledged by the broker; delivers: sockets are fed from there, so the push is done with too. Unknown ids are fine.';

create function public.release_kafka_outbox(ids jsonb) returns jsonb
language sql set search_path = ''
begin atomic
    with free as (
        update public.kafka_outbox k set leased_until = null
        where k.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning 1
    )
    select jsonb_build_object('released', count(*)) from free;
end;
comment on function public.release_kafka_outbox is 'Not published: anybody''s again at once.';

create function public.refuse_kafka_outbox(ids jsonb, delivers boolean) returns jsonb
language sql set search_path = ''
begin atomic
    with refused as (
        update public.kafka_outbox k set
            refusals = k.refusals + 1,
            leased_until = null,
            parked_at = (select clock_timestamp() where k.refusals >= 4)
        where k.id in (select value::uuid from jsonb_array_elements_text(ids))
        returning k.id, k.parked_at
    ), untold as (
        update public.outbox o set parked_at = r.parked_at
        from refused r where delivers and r.parked_at is not null and o.id = r.id
    )
    select jsonb_build_object('parked', count(parked_at)) from refused;
end;
comment on function public.refuse_kafka_outbox is 'The broker refuses the record itself: parked after the fifth time, and the push with it when it delivers.';

create function public.keep_overdue_for_kafka(page_limit integer) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    kept bigint;
begin
    insert into public.kafka_outbox (id, key, conversation_id, seq, user_id, created_at)
    select o.id, coalesce(o.conversation_id, o.user_id), o.conversation_id, o.seq, o.user_id, o.created_at
    from public.outbox o
    where o.parked_at is null and o.leased_until <= clock_timestamp()
      and not exists (select from public.kafka_outbox k where k.id = o.id)
    order by o.created_at, o.seq
    limit page_limit
    on conflict on constraint kafka_outbox_pkey do nothing;
    get diagnostics kept = row_count;
    return jsonb_build_object('kept', kept);
end
$$;
comment on function public.keep_overdue_for_kafka is
    'Where sockets are fed from Kafka: what waits for a push that nobody makes, from before the tap or by another process. {kept}';

create function public.measure_kafka_outbox() returns jsonb
language sql stable set search_path = ''
return (
    select jsonb_build_object(
        'waiting', count(*) filter (where parked_at is null),
        'parked', count(parked_at),
        'oldest_seconds', coalesce(
            extract(epoch from clock_timestamp() - min(created_at) filter (where parked_at is null)), 0
        )
    )
    from public.kafka_outbox
);
comment on function public.measure_kafka_outbox is 'For the metrics: how much is not published yet, and since when.';

revoke all on function public.take_kafka_outbox, public.render_kafka_outbox, public.finish_kafka_outbox,
    public.release_kafka_outbox, public.refuse_kafka_outbox, public.keep_overdue_for_kafka,
    public.measure_kafka_outbox from public, anon, authenticated;
grant execute on function public.take_kafka_outbox, public.render_kafka_outbox, public.finish_kafka_outbox,
    public.release_kafka_outbox, public.refuse_kafka_outbox, public.keep_overdue_for_kafka,
    public.measure_kafka_outbox to service_role;
