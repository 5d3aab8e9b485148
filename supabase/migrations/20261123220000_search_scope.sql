-- Words that many messages have together: the index lists thousands, and each was compared with each of the caller's
-- conversations, and looked through for words the index had found already.

create or replace function public.search_older(
    scope uuid[], sender_id uuid, terms jsonb, before_at timestamptz, before_id uuid, page_limit integer
) returns jsonb
language plpgsql stable set search_path = '' set enable_seqscan = off set enable_indexscan = off set jit = off
as $$
declare
    wanted tsquery := public.write_query(terms);
    looked_up tsquery;
    exactly boolean;
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
    select string_agg(public.write_word(chosen.text, chosen.open), ' & ')::tsquery,
           count(*) = (select count(*) from ranked) and count(*) = jsonb_array_length(terms)
    into looked_up, exactly
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
            where public.search_terms(w.words, w.conversation_id, w.sender_id) @@ looked_up
              and (exactly or w.words @@ wanted)
        )
        select coalesce(jsonb_agg(jsonb_build_object('at', found.created_at, 'id', found.message_id)), '[]')
        from (
            select h.created_at, h.message_id from hit h
            -- Hashed, where "= any" would compare each hit with each conversation.
            where h.conversation_id in (select place.id from unnest(scope) as place (id))
              and (h.created_at, h.message_id) < (before_at, before_id)
            order by h.created_at desc, h.message_id desc
            limit page_limit
        ) found
    );
end
$$;
