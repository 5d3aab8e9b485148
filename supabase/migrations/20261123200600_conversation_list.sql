-- The list of conversations: all of it in one statement, which is planned once and not for each conversation.

-- count_unread, list_conversations: who sent what is unread stands in the index, so that no message is read to be counted.
alter table public.messages
    drop constraint messages_conversation_id_seq_key,
    add constraint messages_conversation_id_seq_key unique (conversation_id, seq) include (sender_id, deleted_at);
-- Of pages that were vacuumed only. By default those would be the older four fifths.
alter table public.messages set (autovacuum_vacuum_insert_scale_factor = 0.02);

-- wire_conversation: the first members of a group of thousands.
create index members_conversation_id_joined_at_idx on public.members (conversation_id, joined_at, user_id);
-- wire_conversation: its owners.
create index members_owners_idx on public.members (conversation_id, joined_at, user_id) where role = 'owner';

create or replace function public.count_unread(caller uuid, conversation_id uuid, after_seq bigint) returns integer
language plpgsql stable set search_path = '' set enable_bitmapscan = off
as $$
begin
    return (
        select count(*) from (
            select from public.messages m
            where m.conversation_id = count_unread.conversation_id and m.seq > after_seq
              and m.sender_id <> caller and m.deleted_at is null
            limit 999
        ) counted
    );
end
$$;

-- A bitmap of what is unread would be of all of it, not of 999.
create or replace function public.list_conversations(caller uuid, page_limit integer, cursor text) returns jsonb
language plpgsql stable set search_path = '' set enable_bitmapscan = off set jit = off
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    before_at timestamptz := coalesce((keys ->> 0)::timestamptz, 'infinity');
    before_id uuid := coalesce((keys ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    answer jsonb;
begin
    perform public.check_caller(caller);
    with page as materialized (
        select c.*, mine.last_read_seq, row_number() over (order by c.changed_at desc, c.id desc) as position
        from public.members mine
        join public.conversations c on c.id = mine.conversation_id
        where mine.user_id = caller and (c.changed_at, c.id) < (before_at, before_id)
        order by c.changed_at desc, c.id desc
        limit page_limit + 1
    )
    select jsonb_build_object(
        'conversations', coalesce(jsonb_agg(jsonb_build_object(
            -- As wire_conversation_for has it.
            'id', p.id,
            'kind', p.kind,
            'name', p.name,
            'owner_ids', (
                select coalesce(jsonb_agg(m.user_id order by m.joined_at, m.user_id), '[]')
                from public.members m where m.conversation_id = p.id and m.role = 'owner'
            ),
            'member_count', p.member_count,
            'members', (
                select coalesce(jsonb_agg(public.wire_user(u) order by shown.joined_at, u.id), '[]')
                from (
                    select m.user_id, m.joined_at from public.members m where m.conversation_id = p.id
                    order by m.joined_at, m.user_id limit 20
                ) shown join public.users u on u.id = shown.user_id
            ),
            'last_seq', p.last_seq,
            'last_message', (
                select public.wire_message(m) from public.messages m
                where m.conversation_id = p.id order by m.seq desc limit 1
            ),
            'created_at', public.wire_time(p.created_at),
            'last_read_seq', p.last_read_seq,
            'unread', (
                select count(*) from (
                    select from public.messages m
                    where m.conversation_id = p.id and m.seq > p.last_read_seq
                      and m.sender_id <> caller and m.deleted_at is null
                    limit 999
                ) counted
            ),
            'muted', false,
            'peer', case p.kind when 'direct' then (
                select public.wire_user(u) from public.users u
                where u.id = case caller when p.direct_low then p.direct_high else p.direct_low end
            ) end
        ) order by p.position) filter (where p.position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then (
            select public.write_cursor(jsonb_build_array(last.changed_at, last.id)) from page last
            where last.position = page_limit
        ) end
    ) into answer from page p;
    return answer;
end
$$;
