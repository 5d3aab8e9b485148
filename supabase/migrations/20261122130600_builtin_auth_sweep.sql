-- Rows that have outlived their use.

create function builtin_auth.sweep() returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
    moment timestamptz := clock_timestamp();
begin
    delete from builtin_auth.permits p where p.useless_after < moment;
    delete from builtin_auth.links l where l.expires_at < moment - interval '1 hour';
    delete from builtin_auth.inbox i where i.sent_at < moment - interval '1 hour';
    -- A token spent long ago is then unknown instead of reused: refused all the same.
    delete from builtin_auth.refresh_tokens t where t.spent_at < moment - interval '7 days';
    delete from builtin_auth.sessions s
    where least(s.ended_at, s.idle_until, s.expires_at) < moment - interval '1 day';
    return jsonb_build_object('swept', true);
end
$$;
comment on function builtin_auth.sweep is 'Removes expired permits, links, inbox mails, spent tokens and ended sessions. Any process, any time.';

revoke all on function builtin_auth.sweep from public, anon, authenticated;
grant execute on function builtin_auth.sweep to service_role;
