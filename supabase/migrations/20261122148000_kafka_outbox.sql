-- Kafka as a tap: what was committed, waiting to be published, apart from what waits to be pushed to sockets.

create table public.kafka_tap (
    id boolean not null default true constraint kafka_tap_pkey primary key constraint kafka_tap_is_one check (id),
    claimed_until timestamptz not null
);
comment on table public.kafka_tap is
    'One row while a chat process publishes, or has within a week; without it nothing is kept for Kafka.';

create table public.kafka_outbox (
    id uuid not null constraint kafka_outbox_pkey primary key,
    position bigint generated always as identity,
    key uuid not null,
    conversation_id uuid,
    seq bigint,
    user_id uuid,
    leased_until timestamptz,
    refusals integer not null default 0,
    parked_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    constraint kafka_outbox_names_one
        check (num_nonnulls(seq, user_id) = 1 and (seq is null) = (conversation_id is null))
);
comment on table public.kafka_outbox is
    'A row of outbox under the same id, until the broker has acknowledged it. position is commit order within a key.';
-- The next to publish, in order.
create index kafka_outbox_next_idx on public.kafka_outbox (position) where parked_at is null;
-- Keys that somebody is publishing now.
create index kafka_outbox_leased_idx on public.kafka_outbox (leased_until, key)
    where leased_until is not null and parked_at is null;
-- Whether a person waits to be told of already.
create index kafka_outbox_key_idx on public.kafka_outbox (key);

alter table public.kafka_tap enable row level security;
alter table public.kafka_outbox enable row level security;
create policy kafka_tap_for_services on public.kafka_tap to service_role using (true) with check (true);
create policy kafka_outbox_for_services on public.kafka_outbox to service_role using (true) with check (true);

create function public.kafka_is_tapped() returns boolean
language sql volatile set search_path = ''
return exists (select from public.kafka_tap t where t.claimed_until > clock_timestamp());
comment on function public.kafka_is_tapped is 'Whether anybody publishes, so that rows are worth keeping.';

create function public.keep_for_kafka() returns trigger
language plpgsql set search_path = ''
as $$
begin
    if public.kafka_is_tapped() then
        insert into public.kafka_outbox (id, key, conversation_id, seq, user_id, created_at)
        select w.id, coalesce(w.conversation_id, w.user_id), w.conversation_id, w.seq, w.user_id, w.created_at
        from written w
        order by w.conversation_id, w.seq;
    end if;
    return null;
end
$$;
comment on function public.keep_for_kafka is 'What goes to the outbox goes to Kafka too, in the same transaction, whoever writes it.';
create trigger outbox_to_kafka after insert on public.outbox
    referencing new table as written for each statement execute function public.keep_for_kafka();

create function public.keep_new_user_for_kafka() returns trigger
language plpgsql set search_path = ''
as $$
begin
    -- At commit, so that whoever has queued user.changed for a new person does not make a second one here.
    if public.kafka_is_tapped() and not exists (select from public.kafka_outbox k where k.key = new.id) then
        insert into public.kafka_outbox (id, key, user_id) values (gen_random_uuid(), new.id, new.id);
    end if;
    return null;
end
$$;
comment on function public.keep_new_user_for_kafka is
    'chat.users tells of new people too. Sockets are not told: nobody shares a conversation with them yet.';
create constraint trigger users_to_kafka after insert on public.users
    deferrable initially deferred for each row execute function public.keep_new_user_for_kafka();

create function public.claim_kafka_tap() returns jsonb
language plpgsql set search_path = ''
as $$
declare
    wanted timestamptz := clock_timestamp() + interval '7 days';
begin
    insert into public.kafka_tap as t (claimed_until) values (wanted)
    on conflict on constraint kafka_tap_pkey do update set claimed_until = wanted
    -- Every process says it every minute: one write an hour is enough.
    where t.claimed_until < wanted - interval '1 hour';
    return jsonb_build_object('claimed', true);
end
$$;
comment on function public.claim_kafka_tap is 'Rows are kept for Kafka from now on, until nobody has said this for 7 days.';

create function public.drop_kafka_tap(unless_claimed boolean default false) returns jsonb
language plpgsql set search_path = ''
as $$
declare
    dropped bigint;
begin
    if unless_claimed and public.kafka_is_tapped() then
        return jsonb_build_object('dropped', 0);
    end if;
    delete from public.kafka_tap;
    delete from public.kafka_outbox k where k.id in (select o.id from public.kafka_outbox o limit 10000);
    get diagnostics dropped = row_count;
    return jsonb_build_object('dropped', dropped);
end
$$;
comment on function public.drop_kafka_tap is
    'Ends the tap and drops up to 10,000 of what waits in it, for good: repeat until {dropped: 0}. '
    'unless_claimed: only when nobody has claimed it for 7 days.';

revoke all on table public.kafka_tap, public.kafka_outbox from public, anon, authenticated;
grant select, insert, update, delete on table public.kafka_tap, public.kafka_outbox to service_role;
revoke all on sequence public.kafka_outbox_position_seq from public, anon, authenticated;
grant usage on sequence public.kafka_outbox_position_seq to service_role;
revoke all on function public.kafka_is_tapped, public.keep_for_kafka, public.keep_new_user_for_kafka,
    public.claim_kafka_tap, public.drop_kafka_tap from public, anon, authenticated;
grant execute on function public.kafka_is_tapped, public.keep_for_kafka, public.keep_new_user_for_kafka,
    public.claim_kafka_tap, public.drop_kafka_tap to service_role;
