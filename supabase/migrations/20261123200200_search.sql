-- Searching: the newest messages word by word, and what is older through the index.

create function public.search_unindexed(
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
            ) fresh
            where fresh.content is not null
              and (search_unindexed.sender_id is null or fresh.sender_id = search_unindexed.sender_id)
              and public.search_words(fresh.content) @@ wanted
            limit page_limit
        ) found
    );
end
$$;
comment on function public.search_unindexed is
    '[{at, id}] of matches among what is not in the index yet. Of more than 2,000 such messages only the newest count.';

create function public.search_recent(
    scope uuid[], sender_id uuid, wanted tsquery, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    budget integer := 2000;
    span interval := '1 hour';
    from_at timestamptz;
    low_at timestamptz;
    everything bigint;
    looked integer;
    matching jsonb;
    found jsonb := '[]';
begin
    select sum(c.last_seq), least(before_at, max(c.changed_at)) into everything, from_at
    from public.conversations c where c.id = any(scope);
    -- Back in time, in steps for which the pace of talk so far says how long they may be.
    for step in 1 .. 24 loop
        low_at := case when everything <= budget or span > '50 years' then '-infinity' else from_at - span end;
        with seen as materialized (
            select w.created_at, w.message_id,
                   w.words @@ wanted and (search_recent.sender_id is null or w.sender_id = search_recent.sender_id) as matches
            from unnest(scope) as place (id)
            cross join lateral (
                select * from public.message_words w
                where w.conversation_id = place.id and w.created_at >= low_at
                  and (w.created_at, w.message_id) < (before_at, before_id)
            ) w
            limit budget + 1
        )
        select (select count(*) from seen), (
            select coalesce(jsonb_agg(jsonb_build_object('at', newer.created_at, 'id', newer.message_id)), '[]')
            from (
                select s.created_at, s.message_id from seen s where s.matches
                order by s.created_at desc, s.message_id desc limit page_limit
            ) newer
        ) into looked, matching;
        if looked > budget then
            exit when budget < 1000 or span < '1 millisecond';
            span := span / 16;
        else
            found := found || matching;
            budget := budget - looked;
            page_limit := page_limit - jsonb_array_length(matching);
            if page_limit <= 0 or low_at = '-infinity' then
                return jsonb_build_object('found', found);
            end if;
            before_at := low_at;
            before_id := '00000000-0000-0000-0000-000000000000';
            from_at := low_at;
            exit when budget < 400;
            span := span * least(64, 0.8 * budget / greatest(looked, 1));
        end if;
    end loop;
    return jsonb_build_object('found', found, 'reached', before_at);
end
$$;
comment on function public.search_recent is
    '{found: [{at, id}] among the newest some 2,000 messages, reached: before when nothing was looked at, though it may '
    'matter}.';

create function public.search_older(
    scope uuid[], sender_id uuid, terms jsonb, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_indexscan = off set jit = off
as $$
declare
    wanted tsquery := public.write_query(terms);
    looked_up tsquery;
    narrow boolean;
begin
    -- The index looks for the longest words only: they are in the fewest messages. Short beginnings would be a list of
    -- nearly everything. Which words stand in a row is seen in the rows.
    with word as (
        select said.value as text, bool_or((term ->> 'open')::boolean and said.place = jsonb_array_length(term -> 'words')) as open
        from jsonb_array_elements(terms) as term
        cross join lateral jsonb_array_elements_text(term -> 'words') with ordinality as said (value, place)
        group by said.value
    ), ranked as (
        select w.*, not w.open or octet_length(w.text) >= 3 as telling from word w
    )
    select string_agg(public.write_word(chosen.text, chosen.open), ' & ')::tsquery into looked_up
    from (
        select r.text, r.open from ranked r
        order by r.telling desc, length(r.text) desc, r.text
        limit greatest(1, least(4, (select count(*) from ranked telling where telling.telling)))
    ) chosen;
    -- Where: for the index a list of all that was said there. That helps in a few places, or where little was said;
    -- of somebody who is nearly everywhere it costs more than looking at each match.
    narrow := cardinality(scope) <= 16 or 20000 >= (
        select sum(c.last_seq) from public.conversations c where c.id = any(scope)
    );
    if narrow then
        looked_up := looked_up && (
            select string_agg(''' in ' || place.id || '''', ' | ') from unnest(scope) as place (id)
        )::tsquery;
    end if;
    if sender_id is not null then
        looked_up := looked_up && (''' by ' || sender_id || '''')::tsquery;
    end if;
    return (
        -- By itself: in one statement with what follows, the planner would read whole conversations beside it.
        with hit as materialized (
            select w.conversation_id, w.created_at, w.message_id
            from public.message_words w
            where public.search_terms(w.words, w.conversation_id, w.sender_id) @@ looked_up and w.words @@ wanted
        )
        select coalesce(jsonb_agg(jsonb_build_object('at', found.created_at, 'id', found.message_id)), '[]')
        from (
            select h.created_at, h.message_id from hit h
            where h.conversation_id = any(scope) and (h.created_at, h.message_id) < (before_at, before_id)
            order by h.created_at desc, h.message_id desc
            limit page_limit
        ) found
    );
end
$$;
comment on function public.search_older is '[{at, id}] of matches through the index: made for words that few messages have.';

create function public.search_messages(
    caller uuid, q text, conversation_id uuid, sender_id uuid, before_at timestamptz, page_limit integer, cursor text
) returns jsonb
language plpgsql stable set search_path = '' set jit = off
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    terms jsonb := public.read_terms(q);
    wanted tsquery := public.write_query(terms);
    scope uuid[];
    upper_at timestamptz := coalesce((keys ->> 0)::timestamptz, 'infinity');
    upper_id uuid := coalesce((keys ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    recent jsonb;
    found jsonb;
    answer jsonb;
begin
    if conversation_id is not null then
        perform public.check_member(caller, conversation_id);
        scope := array[conversation_id];
    else
        perform public.check_caller(caller);
        scope := array(select mine.conversation_id from public.members mine where mine.user_id = caller);
    end if;
    if before_at < upper_at then
        upper_at := before_at;
        upper_id := '00000000-0000-0000-0000-000000000000';
    end if;
    recent := public.search_recent(scope, sender_id, wanted, upper_at, upper_id, page_limit + 1);
    found := recent -> 'found' || public.search_unindexed(scope, sender_id, wanted, upper_at, upper_id, page_limit + 1);
    if recent ? 'reached' then
        found := found || public.search_older(
            scope, sender_id, terms, (recent ->> 'reached')::timestamptz, '00000000-0000-0000-0000-000000000000',
            page_limit + 1 - jsonb_array_length(recent -> 'found')
        );
    end if;
    with page as materialized (
        select m as message, m.content, m.created_at, m.id,
               row_number() over (order by m.created_at desc, m.id desc) as position
        from (
            -- An edited message may stand in the index before those beside it do.
            select match.id from (
                select distinct f.at, f.id from jsonb_to_recordset(found) as f (at timestamptz, id uuid)
            ) match
            order by match.at desc, match.id desc
            limit page_limit + 1
        ) newest
        join public.messages m on m.id = newest.id
        where m.content is not null
    )
    select jsonb_build_object(
        'matches', coalesce(jsonb_agg(
            jsonb_build_object(
                'message', public.wire_message(message), 'highlights', public.find_highlights(content, terms)
            ) order by position
        ) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(created_at, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;
comment on function public.search_messages is
    'Messages of the caller''s conversations, or of one, that have all words of q, newest first: {matches: [{message, '
    'highlights}], next_cursor}. 422 malformed without a word in q, 404 conversation_not_found.';

revoke all on function public.search_unindexed, public.search_recent, public.search_older, public.search_messages
    from public, anon, authenticated;
grant execute on function public.search_unindexed, public.search_recent, public.search_older, public.search_messages
    to service_role;
