-- Looking a little further back among the newest messages, where the rest of a page will soon be full: the index would
-- list all that were ever said with a word that is in one message of a hundred.

create or replace function public.search_recent(
    scope uuid[], sender_id uuid, wanted tsquery, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    budget integer := 2000;
    further integer;
    seen_before integer := 0;
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
            exit when span < '1 millisecond';
            if budget >= 1000 then
                span := span / 16;
                continue;
            end if;
        else
            found := found || matching;
            budget := budget - looked;
            seen_before := seen_before + looked;
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
    return jsonb_build_object('found', found, 'reached', before_at);
end
$$;
comment on function public.search_recent is
    '{found: [{at, id}] among the newest some 2,000 messages, or up to 6,000 more where those fill the page, reached: '
    'before when nothing was looked at, though it may matter}.';
