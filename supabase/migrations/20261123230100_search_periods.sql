-- Words that many messages have, together: the index listed every place where all of them ever stood, and each was read
-- for its time. It is asked for one period after another instead, newest first, where few of those fill the page.

set statement_timeout = 0; -- the Supabase CLI keeps to the project's two minutes, which a large index may need

create function public.search_terms(
    words tsvector, conversation_id uuid, sender_id uuid, created_at timestamptz
) returns tsvector
language sql immutable strict parallel safe set search_path = ''
return words || array_to_tsvector(array[
    ' in ' || conversation_id::text,
    ' by ' || sender_id::text,
    ' at 12 ' || (floor(extract(epoch from created_at at time zone 'UTC'))::bigint >> 12),
    ' at 15 ' || (floor(extract(epoch from created_at at time zone 'UTC'))::bigint >> 15),
    ' at 18 ' || (floor(extract(epoch from created_at at time zone 'UTC'))::bigint >> 18),
    ' at 21 ' || (floor(extract(epoch from created_at at time zone 'UTC'))::bigint >> 21)
]);
comment on function public.search_terms(tsvector, uuid, uuid, timestamptz) is
    'Words with where, by whom and when they were said: in which period of 2^12 seconds since 1970 (68 minutes), of 2^15 '
    '(9 hours), 2^18 (3 days) and 2^21 (24 days). No word begins with a space, so nobody can search for those.';

-- search_older, as message_words_terms_idx before it.
create index message_words_periods_idx on public.message_words
    using gin (public.search_terms(words, conversation_id, sender_id, created_at)) with (gin_pending_list_limit = 512);

create or replace function public.search_recent(
    scope uuid[], sender_id uuid, wanted tsquery, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    budget integer := 2000;
    further integer;
    seen_before integer := 0;
    newest_at timestamptz;
    span interval := '1 hour';
    from_at timestamptz;
    low_at timestamptz;
    high_at timestamptz;
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
        select (select count(*) from seen), (select max(s.created_at) from seen s), (
            select coalesce(jsonb_agg(jsonb_build_object('at', newer.created_at, 'id', newer.message_id)), '[]')
            from (
                select s.created_at, s.message_id from seen s where s.matches
                order by s.created_at desc, s.message_id desc limit page_limit
            ) newer
        ) into looked, high_at, matching;
        if looked > budget then
            exit when span < '1 millisecond';
            if budget >= 1000 then
                span := span / 16;
                continue;
            end if;
        else
            found := found || matching;
            budget := budget - looked;
            seen_before := seen_before + looked;
            newest_at := coalesce(newest_at, high_at);
            page_limit := page_limit - jsonb_array_length(matching);
            if page_limit <= 0 or low_at = '-infinity' then
                return jsonb_build_object('found', found);
            end if;
            before_at := low_at;
            before_id := '00000000-0000-0000-0000-000000000000';
            from_at := low_at;
        end if;
        if budget < 400 or looked > budget then
            exit when further is not null;
            -- As many again as it takes at the rate so far, and half as many more.
            further := 1.5 * seen_before * page_limit / greatest(jsonb_array_length(found), 0.01);
            exit when further > 6000;
            budget := greatest(1000, further);
        end if;
        if looked > 0 then
            span := span * least(64, 0.8 * budget / looked);
        else
            span := span * 64;
        end if;
    end loop;
    return jsonb_build_object('found', found, 'reached', before_at, 'seen', seen_before, 'newest', newest_at);
end
$$;
comment on function public.search_recent is
    '{found: [{at, id}] among the newest some 2,000 messages, or up to 6,000 more where those fill the page, reached: '
    'before when nothing was looked at, though it may matter, seen: how many were looked at, newest: when the newest of '
    'them was sent}.';

create function public.search_older(
    scope uuid[], sender_id uuid, terms jsonb, recent jsonb, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_indexscan = off set jit = off
as $$
declare
    wanted tsquery := public.write_query(terms);
    before_at timestamptz := recent ->> 'reached';
    looked_up tsquery;
    exactly boolean;
    everything bigint;
    times double precision;
    seconds double precision;
    bits integer;
    period bigint;
    last_period bigint;
    asked tsquery;
    found jsonb := '[]';
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
    select string_agg(public.write_word(chosen.text, chosen.open), ' & ')::tsquery,
           count(*) = (select count(*) from ranked) and count(*) = jsonb_array_length(terms)
               and not jsonb_path_exists(terms, '$[*] ? (@.words.size() > 1)')
    into looked_up, exactly
    from (
        select r.text, r.open from ranked r
        order by r.telling desc, length(r.text) desc, r.text
        limit greatest(1, least(4, (select count(*) from ranked telling where telling.telling)))
    ) chosen;
    select sum(c.last_seq) into everything from public.conversations c where c.id = any(scope);
    -- Where: for the index a list of all that was said there. That helps in a few places, or where little was said;
    -- of somebody who is nearly everywhere it costs more than looking at each match.
    if cardinality(scope) <= 16 or everything <= 20000 then
        looked_up := looked_up && (
            select string_agg(''' in ' || place.id || '''', ' | ') from unnest(scope) as place (id)
        )::tsquery;
    end if;
    if sender_id is not null then
        looked_up := looked_up && (''' by ' || sender_id || '''')::tsquery;
    end if;
    -- When: for the index a list of all that was said then. That helps where so few messages fill the page, at the rate
    -- of the newest ones, that the list is far shorter than those of the words; twice as long a one where each place has
    -- to be read for what the index was not asked. A period or two, or those beside them where chance was against it.
    times := page_limit::double precision / nullif(jsonb_array_length(recent -> 'found'), 0);
    if times * (recent ->> 'seen')::integer * (case when exactly then 40 else 20 end) <= everything then
        seconds := times * extract(epoch from (recent ->> 'newest')::timestamptz - before_at);
        select grain.bits into bits from unnest(array[12, 15, 18, 21]) as grain (bits)
        where seconds < 2 * (1 << grain.bits) order by grain.bits limit 1;
        period := floor(extract(epoch from before_at))::bigint >> bits;
        last_period := floor(extract(epoch from before_at) - 1.5 * seconds)::bigint >> bits;
    end if;
    loop
        asked := coalesce(looked_up && (''' at ' || bits || ' ' || period || '''')::tsquery, looked_up);
        -- By itself: in one statement with what follows, the planner would read whole conversations beside it.
        with hit as materialized (
            select w.conversation_id, w.created_at, w.message_id
            from public.message_words w
            where public.search_terms(w.words, w.conversation_id, w.sender_id, w.created_at) @@ asked
              and (exactly or w.words @@ wanted)
        )
        select found || coalesce(jsonb_agg(jsonb_build_object('at', older.created_at, 'id', older.message_id)), '[]')
        into found
        from (
            select h.created_at, h.message_id from hit h
            -- Hashed, where "= any" would compare each hit with each conversation.
            where h.conversation_id in (select place.id from unnest(scope) as place (id)) and h.created_at < before_at
            order by h.created_at desc, h.message_id desc
            limit page_limit - jsonb_array_length(found)
        ) older;
        exit when period is null or jsonb_array_length(found) >= page_limit;
        before_at := least(before_at, to_timestamp(period << bits));
        period := case when period > last_period then period - 1 end;
    end loop;
    return found;
end
$$;
comment on function public.search_older(uuid[], uuid, jsonb, jsonb, integer) is
    '[{at, id}] of matches through the index, behind those of search_recent: whatever was seen there, the same ones.';

create or replace function public.search_messages(
    caller uuid, q text, conversation_id uuid, sender_id uuid, before_at timestamptz, page_limit integer, cursor text
) returns jsonb
language plpgsql stable set search_path = '' set jit = off set statement_timeout = '3s'
as $$
declare
    keys jsonb := public.read_cursor(cursor);
    terms jsonb := public.read_terms(q);
    wanted tsquery := public.write_query(terms);
    marks tsquery := public.write_marks(terms);
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
            scope, sender_id, terms, recent, page_limit + 1 - jsonb_array_length(recent -> 'found')
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
                'message', public.wire_message(message), 'highlights', public.find_highlights(content, terms, marks)
            ) order by position
        ) filter (where position <= page_limit), '[]'),
        'next_cursor', case when count(*) > page_limit then
            (select public.write_cursor(jsonb_build_array(created_at, id)) from page where position = page_limit) end
    ) into answer from page;
    return answer;
end
$$;

revoke all on function public.search_terms(tsvector, uuid, uuid, timestamptz),
    public.search_older(uuid[], uuid, jsonb, jsonb, integer) from public, anon, authenticated;
grant execute on function public.search_terms(tsvector, uuid, uuid, timestamptz),
    public.search_older(uuid[], uuid, jsonb, jsonb, integer) to service_role;
