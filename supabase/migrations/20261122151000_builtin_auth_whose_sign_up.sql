-- A sign-up's password and name count for the browser that signed up, and for clients that are no browsers.

drop function builtin_auth.find_link(text);
create function builtin_auth.find_link(token_hash text, asked_by text default null) returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object(
        'email', l.email,
        'requested_by', l.requested_by,
        'age_seconds', floor(extract(epoch from clock_timestamp() - l.created_at)),
        'kind', l.kind,
        'chose_password', l.password_hash is not null
            and not exists (select from builtin_auth.accounts a where a.email = l.email),
        'same_browser', coalesce(l.asked_by = find_link.asked_by, false)
    )
    from builtin_auth.links l
    where l.token_hash = find_link.token_hash and l.mailed and l.used_at is null and l.expires_at > clock_timestamp()
);
comment on function builtin_auth.find_link is
    'A link that would still work: {email, requested_by, age_seconds, kind, chose_password, same_browser}; consumes '
    'nothing. chose_password: it would make an account, with the password chosen at sign-up if that was in this browser.';

drop function builtin_auth.open_by_mail(builtin_auth.links, boolean, jsonb, text, integer, integer);
create function builtin_auth.open_by_mail(
    link builtin_auth.links, asked_by text, by_browser boolean, newcomer jsonb, refresh_hash text,
    idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    -- A person in a browser does not know whose sign-up it is that a mail to their address confirms.
    theirs boolean := not by_browser or coalesce(link.asked_by = open_by_mail.asked_by, false);
    named jsonb := newcomer;
    answer jsonb;
begin
    if theirs and link.name is not null then
        named := newcomer || jsonb_build_object('name', link.name);
    end if;
    answer := builtin_auth.open_session(link.email, named, refresh_hash, idle_seconds, session_seconds);
    if answer is not null and theirs and link.password_hash is not null then
        -- Only for an account that this very transaction made: whoever came in before, by whatever way, has proved that
        -- the address is theirs, and a password chosen by then may be a stranger's.
        update builtin_auth.accounts a set password_hash = link.password_hash
        where a.email = link.email and a.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid;
    end if;
    update builtin_auth.links l set password_hash = null, name = null where l.id = link.id and l.password_hash is not null;
    return answer;
end
$$;
comment on function builtin_auth.open_by_mail is
    'A session by a link that was just used up. The password and the name chosen with it count if that makes the account, '
    'in the browser that chose them (asked_by), or by a client that is no browser.';

drop function builtin_auth.confirm_link(text, jsonb, text, integer, integer);
create function builtin_auth.confirm_link(
    token_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer,
    asked_by text default null, by_browser boolean default true
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    link builtin_auth.links;
begin
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.token_hash = confirm_link.token_hash and l.kind = 'email' and l.mailed and l.used_at is null
      and l.expires_at > clock_timestamp()
    returning * into link;
    if link.id is null then
        return null;
    end if;
    return builtin_auth.open_by_mail(link, asked_by, by_browser, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;
comment on function builtin_auth.confirm_link is
    'Uses up a link, and its mail''s code with it, for a session (as open_by_mail); null when it is used, expired or unknown.';

drop function builtin_auth.confirm_code(text, text, jsonb, text, integer, integer, text);
create function builtin_auth.confirm_code(
    email text, code_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer,
    asked_by text default null, by_browser boolean default true
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    live bigint[];
    link builtin_auth.links;
begin
    -- Locked one by one in order; a row another call used up while we waited drops out.
    live := array(
        select l.id from builtin_auth.links l
        where l.email = confirm_code.email and l.kind = 'email' and l.mailed and l.used_at is null and l.wrong_codes < 5
          and l.expires_at > clock_timestamp()
        order by l.id for update
    );
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.id = (
        select o.id from builtin_auth.links o
        where o.id = any (live) and o.code_hash = confirm_code.code_hash order by o.id desc limit 1
    )
    returning * into link;
    if link.id is null then
        update builtin_auth.links l set wrong_codes = l.wrong_codes + 1 where l.id = any (live);
        return null;
    end if;
    return builtin_auth.open_by_mail(link, asked_by, by_browser, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;
comment on function builtin_auth.confirm_code is
    'As confirm_link, by the code of any live mail to the address. A wrong one counts against all of them; 5 end a code.';

revoke all on function builtin_auth.find_link, builtin_auth.open_by_mail, builtin_auth.confirm_link,
    builtin_auth.confirm_code from public, anon, authenticated;
grant execute on function builtin_auth.find_link, builtin_auth.open_by_mail, builtin_auth.confirm_link,
    builtin_auth.confirm_code to service_role;
