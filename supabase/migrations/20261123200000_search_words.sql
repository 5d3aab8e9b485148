-- What counts as a word when people search: letters and digits in a row, whatever the language, case and accents.

create function public.fold_text(content text) returns text
language plpgsql immutable strict parallel safe set search_path = ''
as $$
begin
    -- What would make one word of several for the parser: host names, paths, addresses, numbers with a point, tags.
    if octet_length(content) = length(content) then
        return regexp_replace(content, '[./@_+~<&\x01-]', ' ', 'g');
    end if;
    content := regexp_replace(normalize(content, nfkd), '[\u00ad\u0300-\u036f\ufe00-\ufe0f]+', '', 'g');
    content := regexp_replace(
        content, '[./@_+~<&\x01\u00a0-\u00bf\u2000-\u206f\u3000-\u3004\u3008-\u3030-]', ' ', 'g'
    );
    -- Chinese and Japanese are written without spaces: each character is a word, and what people call one a phrase.
    return regexp_replace(
        content,
        '([\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff'
        '\U00020000-\U0003ffff][\u3099\u309a]?)',
        E'\x01\\1\x01', 'g'
    );
end
$$;
comment on function public.fold_text is
    'A text as it is cut into words: without accents, spaces for signs that join words, U+0001 around each Chinese or '
    'Japanese character. Beside those U+0001 each character became none, one or more: so places in it can be told.';

create function public.search_words(content text) returns tsvector
language plpgsql immutable strict parallel safe set search_path = ''
as $$
begin
    return to_tsvector('pg_catalog.simple', public.fold_text(content));
end
$$;
comment on function public.search_words is 'The words of a text, in no language, with their order.';

create function public.list_words(content text) returns jsonb
language sql immutable strict parallel safe set search_path = ''
return (
    select coalesce(jsonb_agg(
        jsonb_build_array((ts_lexize('pg_catalog.simple', cut.token))[1], cut.high - cut.size, cut.high) order by cut.n
    ), '[]')
    from (
        select parsed.n, parsed.token, parsed.tokid, length(replace(parsed.token, U&'\0001', '')) as size,
               sum(length(replace(parsed.token, U&'\0001', ''))) over (order by parsed.n) as high
        from ts_parse('pg_catalog.default', public.fold_text(content)) with ordinality as parsed (tokid, token, n)
    ) cut
    where cut.tokid <> 12 -- the parser's type of what stands between words
);
comment on function public.list_words is 'The same words one by one: [[word, low, high]] in code points of the folded text.';

create function public.read_terms(q text) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    chunk text[];
    words jsonb;
    terms jsonb := '[]';
begin
    for chunk in select regexp_matches(translate(q, '“”„‟«»', '""""""'), '"([^"]*)"?|([^\s"]+)', 'g') loop
        select jsonb_agg(l.value -> 0 order by l.place) into words
        from jsonb_array_elements(public.list_words(coalesce(chunk[1], chunk[2]))) with ordinality as l (value, place);
        if words is not null then
            terms := terms || jsonb_build_object('words', words, 'open', chunk[1] is null);
        end if;
    end loop;
    if terms = '[]' then
        perform public.refuse(
            422, 'malformed', '{"fields": [{"field": "q", "problem": "has no word to search for"}]}'
        );
    end if;
    return terms;
end
$$;
comment on function public.read_terms is
    'What is searched for: [{words in a row, open: the last one may go on}]. 422 malformed when there is no word.';

create function public.write_word(word text, open boolean) returns text
language sql immutable strict parallel safe set search_path = ''
return '''' || replace(replace(word, '\', '\\'), '''', '''''') || case when open then ''':*' else '''' end;
comment on function public.write_word is 'A word as it stands in a tsquery, or with open the beginning of one.';

create function public.write_query(terms jsonb) returns tsquery
language sql immutable strict parallel safe set search_path = ''
return (
    select string_agg('(' || phrase.written || ')', ' & ')::tsquery
    from jsonb_array_elements(terms) as term
    cross join lateral (
        select string_agg(
            public.write_word(
                word.value, (term ->> 'open')::boolean and word.place = jsonb_array_length(term -> 'words')
            ),
            ' <-> ' order by word.place
        ) as written
        from jsonb_array_elements_text(term -> 'words') with ordinality as word (value, place)
    ) phrase
);
comment on function public.write_query is 'Terms as a tsquery, of which nothing but their words comes from people.';

create function public.find_highlights(content text, terms jsonb) returns jsonb
language plpgsql immutable strict parallel safe set search_path = ''
as $$
declare
    words text[];
    lows bigint[];
    highs bigint[];
    found int8multirange := '{}';
    term jsonb;
    wanted text[];
    size integer;
    ends bigint[];
begin
    select array_agg(l.value ->> 0 order by l.place), array_agg((l.value ->> 1)::bigint order by l.place),
           array_agg((l.value ->> 2)::bigint order by l.place)
    into words, lows, highs
    from jsonb_array_elements(public.list_words(content)) with ordinality as l (value, place);
    for term in select value from jsonb_array_elements(terms) loop
        wanted := array(select jsonb_array_elements_text(term -> 'words'));
        size := cardinality(wanted);
        for begun in 1 .. coalesce(cardinality(words), 0) - size + 1 loop
            if (size = 1 or words[begun] = wanted[1]) and words[begun : begun + size - 2] = wanted[1 : size - 1]
                and (words[begun + size - 1] = wanted[size]
                     or (term ->> 'open')::boolean and starts_with(words[begun + size - 1], wanted[size])) then
                found := found + int8multirange(int8range(lows[begun], highs[begun + size - 1]));
            end if;
        end loop;
    end loop;
    -- Where each character became one, the places are the same.
    if content ~ '[\u00ad\u0300-\u036f\ufe00-\ufe0f]'
        or length(replace(public.fold_text(content), U&'\0001', '')) <> length(content) then
        with letters as materialized (
            select each.letter, each.n from string_to_table(content, null) with ordinality as each (letter, n)
        ), folded as materialized (
            select known.letter, length(replace(public.fold_text(known.letter), U&'\0001', '')) as size
            from (select distinct l.letter from letters l) known
        )
        -- ends[k]: how far the folded text goes with the first k characters.
        select array_agg(reach.high order by reach.n) into ends
        from (
            select l.n, sum(f.size) over (order by l.n) as high from letters l join folded f on f.letter = l.letter
        ) reach;
        return (
            select coalesce(jsonb_agg(jsonb_build_array(
                width_bucket(lower(part), ends),
                greatest(width_bucket(upper(part), ends), width_bucket(upper(part) - 1, ends) + 1)
            ) order by part), '[]')
            from unnest(found) part
        );
    end if;
    return (select coalesce(jsonb_agg(jsonb_build_array(lower(part), upper(part)) order by part), '[]') from unnest(found) part);
end
$$;
comment on function public.find_highlights is
    'Where terms stand in a text: [[start, end)] in code points, ascending; what overlaps or touches is one.';

revoke all on function public.fold_text, public.search_words, public.list_words, public.read_terms, public.write_word,
    public.write_query, public.find_highlights from public, anon, authenticated;
grant execute on function public.fold_text, public.search_words, public.list_words, public.read_terms,
    public.write_word, public.write_query, public.find_highlights to service_role;
