-- Highlights in time that grows with the text alone, however often and however many words stand in it.

create function public.write_marks(terms jsonb) returns tsquery
language sql immutable strict parallel safe set search_path = ''
return (
    select string_agg(word.written, ' | ')::tsquery
    from (
        select distinct public.write_word(
            said.value, (term ->> 'open')::boolean and said.place = jsonb_array_length(term -> 'words')
        ) as written
        from jsonb_array_elements(terms) as term
        cross join lateral jsonb_array_elements_text(term -> 'words') with ordinality as said (value, place)
    ) word
);
comment on function public.write_marks is 'Any word of terms, each once, as a tsquery.';

create function public.mark_words(content text, terms jsonb) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    folded text := translate(public.fold_text(content), E'\x02\x03', '  ');
    wanted tsquery := public.write_marks(terms);
    options text := E'HighlightAll = true, StartSel = "\x02", StopSel = "\x03"';
    marked text := ts_headline('pg_catalog.simple', folded, wanted, options);
    overlong text;
    place integer;
begin
    -- What ts_headline leaves out: words of 2,047 bytes, which are none, and blanks of as many.
    if length(translate(marked, E'\x02\x03', '')) <> length(folded) then
        marked := '';
        for overlong in
            select cut.token from ts_parse('pg_catalog.default', folded) with ordinality as cut (tokid, token, n)
            where octet_length(cut.token) >= 2047 order by cut.n
        loop
            place := strpos(folded, overlong);
            marked := marked || ts_headline('pg_catalog.simple', left(folded, place - 1), wanted, options) || overlong;
            folded := substr(folded, place + length(overlong));
        end loop;
        marked := marked || ts_headline('pg_catalog.simple', folded, wanted, options);
    end if;
    return marked;
end
$$;
comment on function public.mark_words is 'The folded text with U+0002 before and U+0003 behind each word that terms have.';

create function public.write_ranges(ranges int8multirange) returns jsonb
language sql immutable strict parallel safe set search_path = ''
return (select to_jsonb(array_agg(array[lower(range), upper(range)] order by range)) from unnest(ranges) as range);
comment on function public.write_ranges is 'Ranges as [[start, end)], ascending.';

create function public.find_marks(marked text) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
begin
    -- What touches is one.
    marked := replace(replace(replace(marked, E'\x03\x02', ''), E'\x03\x01\x02', ''), E'\x03\x01\x01\x02', '');
    return (
        -- As text: four times as fast as jsonb_build_array.
        select ('[' || string_agg('[' || m.low || ', ' || m.low + m.word || ']', ', ' order by m.n) || ']')::jsonb
        from (
            select piece.n, strpos(piece.text, E'\x03') - 1 as word,
                   sum(length(translate(piece.text, E'\x01\x03', ''))) over (order by piece.n)
                       - length(translate(piece.text, E'\x01\x03', '')) as low
            from string_to_table(marked, E'\x02') with ordinality as piece (text, n)
        ) m
        where m.n > 1
    );
end
$$;
comment on function public.find_marks is 'Where the marked words stand in the folded text: [[low, high]].';

create function public.find_terms(marked text, terms jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = '' set jit = off
as $$
begin
    return (
        with piece as materialized (
            select p.n, split_part(p.text, E'\x03', 1) as word, split_part(p.text, E'\x03', 2) as gap,
                   sum(length(translate(p.text, E'\x01\x03', ''))) over (order by p.n)
                       - length(translate(p.text, E'\x01\x03', '')) as low
            from string_to_table(marked, E'\x02') with ordinality as p (text, n)
        ), gap as materialized (
            -- Whether other words stand between two of them.
            select g.gap, exists (
                select from ts_parse('pg_catalog.default', g.gap) as cut where cut.tokid <> 12
            ) as parts
            from (select distinct piece.gap from piece where piece.n > 1) g
        ), word as materialized (
            select w.word, (ts_lexize('pg_catalog.simple', w.word))[1] as lexeme
            from (select distinct piece.word from piece where piece.n > 1) w
        ), spot as materialized (
            -- place: one more for the next word, two more behind other words.
            select piece.word, piece.low, piece.low + length(piece.word) as high,
                   piece.n + count(*) filter (where gap.parts) over (order by piece.n rows between unbounded preceding and 1 preceding)
                       as place
            from piece join gap on gap.gap = piece.gap
            where piece.n > 1
        ), term as materialized (
            select t.term, row_number() over () as id, jsonb_array_length(t.term -> 'words') as size
            from (select distinct value as term from jsonb_array_elements(terms)) t
        ), fitting as materialized (
            select term.id, term.size, said.place - 1 as before, word.word
            from term
            cross join lateral jsonb_array_elements_text(term.term -> 'words') with ordinality as said (value, place)
            join word on word.lexeme = said.value
                or (term.term ->> 'open')::boolean and said.place = term.size and starts_with(word.lexeme, said.value)
        ), found as (
            select min(spot.low) as low, max(spot.high) as high
            from spot join fitting on fitting.word = spot.word
            group by fitting.id, fitting.size, spot.place - fitting.before
            having count(*) = fitting.size
        )
        select public.write_ranges(range_agg(int8range(found.low, found.high))) from found
    );
end
$$;
comment on function public.find_terms is 'Where terms stand in the folded text, of which mark_words has marked all words.';

create function public.unfold_ranges(content text, ranges jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = '' set jit = off
as $$
begin
    return (
        with letters as materialized (
            select each.letter, each.n from string_to_table(content, null) with ordinality as each (letter, n)
        ), folded as materialized (
            select known.letter, length(replace(public.fold_text(known.letter), U&'\0001', '')) as size
            from (select distinct l.letter from letters l) known
        ), part as materialized (
            select (p.part ->> 0)::bigint as low, (p.part ->> 1)::bigint as high, row_number() over () as id
            from jsonb_array_elements(ranges) as p (part)
        ), mark as (
            -- How far the folded text goes with each letter, and the places that are asked for.
            select sum(f.size) over (order by l.n) as place, 1 as letter, null::bigint as id, 0 as kind
            from letters l join folded f on f.letter = l.letter
            union all select part.low, 0, part.id, 1 from part
            union all select part.high, 0, part.id, 2 from part
            union all select part.high - 1, 0, part.id, 3 from part
        ), counted as (
            select mark.id, mark.kind, sum(mark.letter) over (order by mark.place) as letters from mark
        )
        select public.write_ranges(range_agg(whole.range)) from (
            select int8range(
                max(c.letters) filter (where c.kind = 1),
                greatest(max(c.letters) filter (where c.kind = 2), max(c.letters) filter (where c.kind = 3) + 1)
            ) as range
            from counted c where c.id is not null group by c.id
        ) whole
    );
end
$$;
comment on function public.unfold_ranges is 'Ranges of the folded text as those of the text, letters that became several whole.';

create or replace function public.find_highlights(content text, terms jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    marked text := public.mark_words(content, terms);
    ranges jsonb;
begin
    if jsonb_path_exists(terms, '$[*] ? (@.words.size() > 1)') then
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

revoke all on function public.write_marks, public.mark_words, public.write_ranges, public.find_marks, public.find_terms,
    public.unfold_ranges from public, anon, authenticated;
grant execute on function public.write_marks, public.mark_words, public.write_ranges, public.find_marks,
    public.find_terms, public.unfold_ranges to service_role;
