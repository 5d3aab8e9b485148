-- Passwords of the built-in provider: one counts only once its own mail was used, and a new one ends all other sessions.

alter table builtin_auth.accounts add column password_hash text;
comment on column builtin_auth.accounts.password_hash is 'argon2id (services/auth/builtin/passwords.py); null for who has none.';

alter table builtin_auth.links
    add column kind text not null default 'email'
        constraint links_kind_check check (kind in ('email', 'recovery')),
    add column password_hash text,
    add column name text,
    add column asked_by text;
comment on column builtin_auth.links.kind is 'email: signs in, by link or code; recovery: asks for a new password, by link only.';
comment on column builtin_auth.links.password_hash is
    'What a sign-up chose, with name: counts if this link makes the account. Never set where there is an account.';
comment on column builtin_auth.links.asked_by is 'Hash of the secret in the asking browser''s cookie.';

drop function builtin_auth.request_link(text, text, text, text, boolean);
create function builtin_auth.request_link(
    email text, token_hash text, code_hash text, requested_by text, may_join boolean,
    kind text default 'email', password_hash text default null, name text default null, asked_by text default null
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    permitted boolean := (public.take_permit('mail:' || request_link.email, 5, 3600) ->> 'allowed')::boolean;
    known boolean := exists (select from builtin_auth.accounts a where a.email = request_link.email);
    welcome boolean := permitted and (known or (may_join and request_link.kind = 'email'));
begin
    insert into builtin_auth.links (email, token_hash, code_hash, requested_by, mailed, kind, password_hash, name, asked_by)
    values (
        request_link.email, request_link.token_hash, request_link.code_hash, request_link.requested_by, welcome,
        request_link.kind, case when not known then request_link.password_hash end,
        case when not known then request_link.name end, request_link.asked_by
    );
    return jsonb_build_object('mail', welcome, 'known', known);
end
$$;
comment on function builtin_auth.request_link is
    'Keeps a new link and says {mail, known}: whether to send it, and whether there is an account. No mail for an address '
    'with neither account nor may_join, for a recovery without account, and after 5 in an hour; older links stay good.';

create or replace function builtin_auth.find_link(token_hash text) returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object(
        'email', l.email,
        'requested_by', l.requested_by,
        'age_seconds', floor(extract(epoch from clock_timestamp() - l.created_at)),
        'kind', l.kind,
        'chose_password', l.password_hash is not null
            and not exists (select from builtin_auth.accounts a where a.email = l.email)
    )
    from builtin_auth.links l
    where l.token_hash = find_link.token_hash and l.mailed and l.used_at is null and l.expires_at > clock_timestamp()
);
comment on function builtin_auth.find_link is
    'A link that would still work: {email, requested_by, age_seconds, kind, chose_password}; consumes nothing. '
    'chose_password: it would make an account with the password chosen at sign-up.';

create function builtin_auth.open_by_mail(
    link builtin_auth.links, same_browser boolean, newcomer jsonb, refresh_hash text, idle_seconds integer,
    session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    named jsonb := newcomer;
    answer jsonb;
begin
    if link.name is not null then
        named := newcomer || jsonb_build_object('name', link.name);
    end if;
    answer := builtin_auth.open_session(link.email, named, refresh_hash, idle_seconds, session_seconds);
    if answer is not null and link.password_hash is not null and same_browser then
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
    'A session by a link that was just used up; the password chosen with it counts if that makes the account.';

create or replace function builtin_auth.confirm_link(
    token_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer
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
    return builtin_auth.open_by_mail(link, true, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;

drop function builtin_auth.confirm_code(text, text, jsonb, text, integer, integer);
create function builtin_auth.confirm_code(
    email text, code_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer,
    asked_by text default null
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
    -- A code is typed without having read whose password it stands for.
    return builtin_auth.open_by_mail(
        link, coalesce(link.asked_by = confirm_code.asked_by, false), newcomer, refresh_hash, idle_seconds, session_seconds
    );
end
$$;
comment on function builtin_auth.confirm_code is
    'As confirm_link, by the code of any live mail to the address. A wrong one counts against all of them; 5 end a code. '
    'A password chosen with it counts only in the browser that chose it (asked_by).';

create function builtin_auth.find_password(email text) returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object('account', a.id, 'password_hash', a.password_hash)
    from builtin_auth.accounts a where a.email = find_password.email
);
comment on function builtin_auth.find_password is 'What to compare with: {account, password_hash (null: none)}; null for nobody.';

create function builtin_auth.open_session_by_password(
    account uuid, password_hash text, renewed_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer,
    session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    address text;
begin
    -- The lock and the hash that was compared: a change of the password either ends this session or comes before it.
    select a.email into address from builtin_auth.accounts a
    where a.id = account and a.password_hash = open_session_by_password.password_hash for update;
    if address is null then
        return null;
    end if;
    if renewed_hash is not null then
        update builtin_auth.accounts a set password_hash = renewed_hash where a.id = account;
    end if;
    return builtin_auth.open_session(address, newcomer, refresh_hash, idle_seconds, session_seconds);
end
$$;
comment on function builtin_auth.open_session_by_password is
    'A session for who said the password of this hash; null when it has been changed meanwhile. renewed_hash: the same '
    'password, hashed by newer parameters.';

create function builtin_auth.end_other_sessions(account uuid, kept_session uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    one uuid;
    ended jsonb := '[]';
begin
    for one in
        select s.id from builtin_auth.sessions s
        where s.account_id = account and s.ended_at is null and s.id is distinct from kept_session
        order by s.id for update
    loop
        perform builtin_auth.finish_session(one);
        ended := ended || to_jsonb(one);
    end loop;
    return ended;
end
$$;
comment on function builtin_auth.end_other_sessions is
    'Ends all sessions but one, each with its access tokens: their ids. The caller holds the account''s row for update.';

create function builtin_auth.replace_password(
    address text, held_hash text, new_hash text, kept_session uuid, used_token_hash text
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    account uuid;
begin
    -- Links before the account, as a sign-in takes them, and in one order.
    perform from builtin_auth.links l
    where l.email = address and l.kind = 'recovery' and l.used_at is null order by l.id for update;
    if used_token_hash is not null and not exists (
        select from builtin_auth.links l
        where l.token_hash = used_token_hash and l.email = address and l.kind = 'recovery' and l.mailed
          and l.used_at is null and l.expires_at > clock_timestamp()
    ) then
        return null;
    end if;
    select a.id into account from builtin_auth.accounts a
    where a.email = address and (used_token_hash is not null or a.password_hash is not distinct from held_hash)
    for update;
    if account is null then
        return null;
    end if;
    update builtin_auth.accounts a set password_hash = new_hash where a.id = account;
    update builtin_auth.links l set used_at = clock_timestamp()
    where l.email = address and l.kind = 'recovery' and l.used_at is null;
    return builtin_auth.end_other_sessions(account, kept_session);
end
$$;
comment on function builtin_auth.replace_password is
    'By who knows the one held (held_hash, null: none), or by a recovery link: the ids of the sessions that ended. Null '
    'when the link is used up, or the password has been changed meanwhile. All recovery links are void after it.';

create function builtin_auth.change_password(account uuid, held_hash text, new_hash text, kept_session uuid) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    address text := (select a.email from builtin_auth.accounts a where a.id = account);
begin
    return jsonb_build_object(
        'ended', builtin_auth.replace_password(address, held_hash, new_hash, kept_session, null)
    );
end
$$;
comment on function builtin_auth.change_password is
    'Sets a password instead of the one held: {ended: ids of the other sessions}, null when another came first.';

create function builtin_auth.confirm_recovery(
    token_hash text, new_hash text, newcomer jsonb, refresh_hash text, idle_seconds integer, session_seconds integer
) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    address text := (select l.email from builtin_auth.links l where l.token_hash = confirm_recovery.token_hash);
    ended jsonb := builtin_auth.replace_password(address, null, new_hash, null, confirm_recovery.token_hash);
begin
    if ended is null then
        return null;
    end if;
    return builtin_auth.open_session(address, newcomer, refresh_hash, idle_seconds, session_seconds)
        || jsonb_build_object('ended', ended);
end
$$;
comment on function builtin_auth.confirm_recovery is
    'Uses up a recovery link: the account''s password is the new one, all its sessions end (their ids: ended), and one is '
    'opened as open_session does. Null when the link is used, expired or unknown.';

revoke all on function builtin_auth.request_link, builtin_auth.open_by_mail, builtin_auth.confirm_code,
    builtin_auth.find_password, builtin_auth.open_session_by_password, builtin_auth.end_other_sessions,
    builtin_auth.replace_password, builtin_auth.change_password, builtin_auth.confirm_recovery
    from public, anon, authenticated;
grant execute on function builtin_auth.request_link, builtin_auth.open_by_mail, builtin_auth.confirm_code,
    builtin_auth.find_password, builtin_auth.open_session_by_password, builtin_auth.end_other_sessions,
    builtin_auth.replace_password, builtin_auth.change_password, builtin_auth.confirm_recovery
    to service_role;
