-- What every function shares: the wire's times, refusals in the contract's shape, opaque cursors.

create function public.wire_time(moment timestamptz) returns text
language sql stable set search_path = ''
return to_char(moment at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function public.wire_time is 'RFC 3339, UTC, microseconds: the same bytes through psycopg and PostgREST.';

create function public.refuse(status integer, code text, details jsonb default '{}') returns void
language plpgsql set search_path = ''
as $$
begin
    raise exception using errcode = 'PT' || status, message = code, detail = details::text;
end
$$;
comment on function public.refuse is
    'Ends the call with an HTTP status, an error code and data. PostgREST reads PTxyz as status xyz; so does our adapter.';

create function public.write_cursor(keys jsonb) returns text
language sql immutable set search_path = ''
return encode(convert_to(keys::text, 'utf8'), 'hex');
comment on function public.write_cursor is 'The opaque next_cursor of a list: the sort keys of its last row.';

create function public.read_cursor(cursor text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
    keys jsonb;
begin
    if cursor is null then
        return null;
    end if;
    keys := convert_from(decode(cursor, 'hex'), 'utf8')::jsonb;
    if jsonb_typeof(keys) <> 'array' or jsonb_array_length(keys) <> 2 then
        raise exception 'not a cursor';
    end if;
    return keys;
exception when others then
    perform public.refuse(422, 'malformed', '{"fields": [{"field": "cursor", "problem": "is not one of ours"}]}');
    return null;
end
$$;
comment on function public.read_cursor is 'The sort keys in a cursor, null for none; anything else is refused as malformed.';

revoke all on function public.wire_time, public.refuse, public.write_cursor, public.read_cursor
    from public, anon, authenticated;
grant execute on function public.wire_time, public.refuse, public.write_cursor, public.read_cursor to service_role;
