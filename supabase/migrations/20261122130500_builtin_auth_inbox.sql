-- The development inbox: mails of an installation without SMTP, on its own machine. Kept for an hour.

create table builtin_auth.inbox (
    id bigint generated always as identity constraint inbox_pkey primary key,
    recipient text not null,
    subject text not null,
    link text not null,
    code text not null,
    sent_at timestamptz not null default clock_timestamp()
);
comment on table builtin_auth.inbox is 'Holds live links in clear: written only when auth is bound to loopback and has no SMTP_URL.';
-- The newest mails to an address.
create index inbox_recipient_idx on builtin_auth.inbox (recipient, id);
-- The sweep removes what is older than an hour.
create index inbox_sent_at_idx on builtin_auth.inbox (sent_at);

alter table builtin_auth.inbox enable row level security;
create policy inbox_for_services on builtin_auth.inbox to service_role using (true) with check (true);

create function builtin_auth.add_inbox_mail(recipient text, subject text, link text, code text) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
begin
    insert into builtin_auth.inbox (recipient, subject, link, code)
    values (add_inbox_mail.recipient, add_inbox_mail.subject, add_inbox_mail.link, add_inbox_mail.code);
    return jsonb_build_object('kept', true);
end
$$;
comment on function builtin_auth.add_inbox_mail is 'Keeps a mail for an hour instead of sending it.';

create function builtin_auth.list_inbox(recipient text) returns jsonb
language sql stable security invoker set search_path = ''
return (
    select jsonb_build_object('mails', coalesce(jsonb_agg(jsonb_build_object(
        'to', m.recipient, 'subject', m.subject, 'link', m.link, 'code', m.code, 'sent_at', public.wire_time(m.sent_at)
    ) order by m.id desc), '[]'))
    from (
        select i.* from builtin_auth.inbox i
        where (list_inbox.recipient is null or i.recipient = list_inbox.recipient)
          and i.sent_at > clock_timestamp() - interval '1 hour'
        order by i.id desc limit 50
    ) m
);
comment on function builtin_auth.list_inbox is 'The last hour''s mails, newest first, at most 50; to everyone when recipient is null.';

revoke all on table builtin_auth.inbox from public, anon, authenticated;
grant select, insert, update, delete on table builtin_auth.inbox to service_role;
revoke all on all sequences in schema builtin_auth from public, anon, authenticated;
grant usage on all sequences in schema builtin_auth to service_role;
revoke all on function builtin_auth.add_inbox_mail, builtin_auth.list_inbox from public, anon, authenticated;
grant execute on function builtin_auth.add_inbox_mail, builtin_auth.list_inbox to service_role;
