-- What to mark is the same in all messages of a page: it is written once, not for each of them.

create function public.mark_words(content text, marks tsquery) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    folded text := translate(public.fold_text(content), E'\x02\x03', '  ');
    options text := E'HighlightAll = true, StartSel = "\x02", StopSel = "\x03"';
    marked text := ts_headline('pg_catalog.simple', folded, marks, options);
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
            marked := marked || ts_headline('pg_catalog.simple', left(folded, place - 1), marks, options) || overlong;
            folded := substr(folded, place + length(overlong));
        end loop;
        marked := marked || ts_headline('pg_catalog.simple', folded, marks, options);
    end if;
    return marked;
end
$$;
comment on function public.mark_words(text, tsquery) is
    'The folded text with U+0002 before and U+0003 behind each word that marks have.';

create function public.find_highlights(content text, terms jsonb, marks tsquery) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    marked text := public.mark_words(content, marks);
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
comment on function public.find_highlights(text, jsonb, tsquery) is
    'Where terms stand in a text: [[start, end)] in code points, ascending; what overlaps or touches is one. marks: what '
    'write_marks makes of them.';

create or replace function public.find_highlights(content text, terms jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
begin
    return public.find_highlights(content, terms, public.write_marks(terms));
end
$$;

revoke all on function public.mark_words(text, tsquery), public.find_highlights(text, jsonb, tsquery)
    from public, anon, authenticated;
grant execute on function public.mark_words(text, tsquery), public.find_highlights(text, jsonb, tsquery) to service_role;
