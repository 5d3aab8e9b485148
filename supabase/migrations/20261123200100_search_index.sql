-- The words of messages, beside the messages: written in batches behind the sends, which pay nothing for them.

create table public.message_words (
    conversation_id uuid not null,
    created_at timestamptz not null,
    message_id uuid not null,
    sender_id uuid not null,
    words tsvector not null,
    -- The newest messages of one conversation with their words.
    constraint message_words_pkey primary key (conversation_id, created_at, message_id)
);
comment on table public.message_words is
    'Derived from messages and bound to nothing: it can be emptied together with search_positions, and fills again.';

create table public.search_positions (
    conversation_id uuid not null constraint search_positions_pkey primary key,
    indexed_seq bigint not null
);
comment on table public.search_positions is 'Up to which seq of a conversation message_words has everything.';

create function public.search_terms(words tsvector, conversation_id uuid, sender_id uuid) returns tsvector
language sql immutable strict parallel safe set search_path = ''
return words || array_to_tsvector(array[' in ' || conversation_id::text, ' by ' || sender_id::text]);
comment on function public.search_terms is
    'Words with where and by whom they were said. No word begins with a space, so nobody can search for those.';

-- search_messages: which messages of these conversations have all of these words. Changes wait in a short list that
-- every search reads too; who adds to the index empties it, and that is not the one who sends.
create index message_words_terms_idx on public.message_words
    using gin (public.search_terms(words, conversation_id, sender_id)) with (gin_pending_list_limit = 512);

alter table public.message_words enable row level security;
alter table public.search_positions enable row level security;
create policy message_words_for_services on public.message_words to service_role using (true) with check (true);
create policy search_positions_for_services on public.search_positions to service_role using (true) with check (true);

create function public.index_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
    -- Also of a message that is not indexed yet: who indexes it this moment may have read the old text, and finds the
    -- row taken.
    insert into public.message_words as known (conversation_id, created_at, message_id, sender_id, words)
    values (new.conversation_id, new.created_at, new.id, new.sender_id, coalesce(public.search_words(new.content), ''))
    on conflict on constraint message_words_pkey do update set words = excluded.words;
    return null;
end
$$;
comment on function public.index_change is 'An edited message is found by its new text, a deleted one not any more, at once.';
create trigger messages_index_change after update of content on public.messages
    for each row when (old.content is distinct from new.content) execute function public.index_change();

create function public.index_messages(page_limit integer) returns jsonb
language plpgsql set search_path = '' set jit = off
as $$
declare
    answer jsonb;
begin
    -- One at a time is enough, and two would wait for each other's rows.
    if not pg_try_advisory_xact_lock(hashtext('public.index_messages')) then
        return jsonb_build_object('indexed', 0, 'more', false);
    end if;
    with behind as materialized (
        -- One snapshot: whatever has a seq up to this last_seq is seen below.
        select c.id, c.last_seq, coalesce(p.indexed_seq, 0) as indexed_seq
        from public.conversations c left join public.search_positions p on p.conversation_id = c.id
        where c.last_seq > coalesce(p.indexed_seq, 0)
        limit page_limit
    ), listed as materialized (
        -- Of each conversation its first ones in a row, also of the one in which the limit comes.
        select found.*, row_number() over () as position
        from (
            select b.id as conversation_id, m.seq, m.created_at, m.id, m.sender_id, m.content
            from behind b
            cross join lateral (
                select * from public.messages m
                where m.conversation_id = b.id and m.seq > b.indexed_seq and m.seq <= b.last_seq
                order by m.seq limit page_limit + 1
            ) m
            limit page_limit + 1
        ) found
    ), written as (
        insert into public.message_words (conversation_id, created_at, message_id, sender_id, words)
        select l.conversation_id, l.created_at, l.id, l.sender_id, public.search_words(l.content)
        from listed l where l.position <= page_limit and l.content is not null
        on conflict on constraint message_words_pkey do nothing
    ), reached as (
        select b.id, case when (select count(*) from listed) <= page_limit then b.last_seq else max(l.seq) end as indexed_seq
        from behind b left join listed l on l.conversation_id = b.id and l.position <= page_limit
        group by b.id, b.last_seq
    ), moved as (
        insert into public.search_positions as known (conversation_id, indexed_seq)
        select r.id, r.indexed_seq from reached r where r.indexed_seq is not null
        on conflict on constraint search_positions_pkey do update set indexed_seq = excluded.indexed_seq
    )
    select jsonb_build_object(
        'indexed', (select count(*) from listed l where l.position <= page_limit),
        'more', (select count(*) from listed) > page_limit or (select count(*) from behind) = page_limit
    ) into answer;
    return answer;
end
$$;
comment on function public.index_messages is
    'Takes up to page_limit messages into the index: {indexed, more}. While another call does, none.';

revoke all on table public.message_words, public.search_positions from public, anon, authenticated;
grant select, insert, update, delete on table public.message_words, public.search_positions to service_role;
revoke all on function public.search_terms, public.index_change, public.index_messages from public, anon, authenticated;
grant execute on function public.search_terms, public.index_change, public.index_messages to service_role;
