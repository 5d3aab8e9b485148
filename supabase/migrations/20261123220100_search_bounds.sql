-- One search and one batch of indexing take a bounded time, however long the messages are and whatever is asked.

-- PostgREST sets this for the transaction before it calls; who calls directly does the same (shared/postgres_database.py):
-- a function's own setting comes too late for the statement that calls it.
alter function public.search_messages set statement_timeout = '3s';

create or replace function public.search_unindexed(
    scope uuid[], sender_id uuid, wanted tsquery, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('at', found.created_at, 'id', found.id)), '[]')
        from (
            select fresh.created_at, fresh.id
            from (
                select newest.*, sum(octet_length(newest.content)) over (order by newest.created_at desc, newest.id desc)
                    - octet_length(newest.content) as bytes_before
                from (
                    select m.created_at, m.id, m.sender_id, m.content
                    from unnest(scope) as place (id)
                    join public.conversations c on c.id = place.id
                    left join public.search_positions p on p.conversation_id = place.id
                    cross join lateral (
                        select l.created_at, l.id, l.sender_id, l.content from public.messages l
                        where l.conversation_id = place.id and l.seq > coalesce(p.indexed_seq, 0)
                        order by l.seq desc limit 2000
                    ) m
                    where c.last_seq > coalesce(p.indexed_seq, 0) and (m.created_at, m.id) < (before_at, before_id)
                    order by m.created_at desc, m.id desc
                    limit 2000
                ) newest
            ) fresh
            -- Some 0.1 ms a thousand bytes, of Chinese 0.5.
            where fresh.bytes_before < 500000
              and (search_unindexed.sender_id is null or fresh.sender_id = search_unindexed.sender_id)
              and public.search_words(fresh.content) @@ wanted
            order by fresh.created_at desc, fresh.id desc
            limit page_limit
        ) found
    );
end
$$;
comment on function public.search_unindexed is
    '[{at, id}] of matches among what is not in the index yet. Of more than 2,000 such messages, or 500,000 bytes of '
    'them, only the newest count.';

create or replace function public.index_messages(page_limit integer) returns jsonb
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
    ), batch as materialized (
        -- The first one at least, however long it is.
        select reckoned.* from (
            select l.*, sum(octet_length(l.content)) over (
                order by l.position rows between unbounded preceding and 1 preceding
            ) as bytes_before
            from listed l
        ) reckoned
        where reckoned.position <= page_limit and coalesce(reckoned.bytes_before, 0) < 500000
    ), written as (
        insert into public.message_words (conversation_id, created_at, message_id, sender_id, words)
        select l.conversation_id, l.created_at, l.id, l.sender_id, public.search_words(l.content)
        from batch l where l.content is not null
        on conflict on constraint message_words_pkey do nothing
    ), reached as (
        select b.id, case when (select count(*) from listed) = (select count(*) from batch) then b.last_seq else max(l.seq) end
            as indexed_seq
        from behind b left join batch l on l.conversation_id = b.id
        group by b.id, b.last_seq
    ), moved as (
        insert into public.search_positions as known (conversation_id, indexed_seq)
        select r.id, r.indexed_seq from reached r where r.indexed_seq is not null
        on conflict on constraint search_positions_pkey do update set indexed_seq = excluded.indexed_seq
    )
    select jsonb_build_object(
        'indexed', (select count(*) from batch),
        'more', (select count(*) from listed) > (select count(*) from batch) or (select count(*) from behind) = page_limit
    ) into answer;
    return answer;
end
$$;
comment on function public.index_messages is
    'Takes up to page_limit messages, or some 500,000 bytes of them, into the index: {indexed, more}. While another call '
    'does, none.';

create or replace function public.find_highlights(content text, terms jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    marked text := public.mark_words(content, terms);
    ranges jsonb;
begin
    -- Where a word said again and again is searched for again and again, each place of it is shown, in a row or not: of
    -- a hundred times the same letter each would be compared with each.
    if jsonb_path_exists(terms, '$[*] ? (@.words.size() > 1)') and 20000 >= (
        select max(said.times) * (length(marked) - length(replace(marked, E'\x02', '')))
        from (select count(*) as times from jsonb_path_query(terms, '$[*].words[*]') as word group by word) said
    ) then
        ranges := public.find_terms(marked, terms);
    else
        ranges := public.find_marks(marked);
    end if;
    -- Where each character became one, the places are the same.
    if content ~ '[\u00ad\u0300-\u036f\ufe00-\ufe0f]'
        or length(translate(marked, E'\x01\x02\x03', '')) <> length(content) then
        ranges := public.unfold_ranges(content, ranges);
    end if;
    return coalesce(ranges, '[]');
end
$$;
