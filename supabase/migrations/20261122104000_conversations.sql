-- Who talks with whom: conversations, their members, and the log that every change of one goes through.

create table public.conversations (
    id uuid not null default gen_random_uuid() constraint conversations_pkey primary key,
    kind text not null constraint conversations_kind_known check (kind in ('direct', 'group')),
    name text constraint conversations_name_length check (length(name) between 1 and 80),
    direct_low uuid constraint conversations_direct_low_fkey references public.users (id),
    direct_high uuid constraint conversations_direct_high_fkey references public.users (id),
    last_seq bigint not null default 0,
    member_count integer not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    -- Two people have one direct conversation, whoever opens it.
    constraint conversations_direct_key unique (direct_low, direct_high),
    constraint conversations_direct_pair check (
        case kind when 'direct' then direct_low < direct_high and name is null
                  else direct_low is null and direct_high is null end
    )
);
comment on table public.conversations is
    'last_seq is the newest position of its log; it moves only under this row''s lock, so log order is commit order.';

create table public.members (
    conversation_id uuid not null constraint members_conversation_id_fkey references public.conversations (id),
    user_id uuid not null constraint members_user_id_fkey references public.users (id),
    role text not null default 'member' constraint members_role_known check (role in ('owner', 'member')),
    joined_at timestamptz not null default clock_timestamp(),
    last_read_seq bigint not null default 0,
    constraint members_pkey primary key (conversation_id, user_id)
);
comment on table public.members is 'A row gives access to the whole conversation; without one it does not exist for you.';
-- Everything a person is in: the conversation list, peers, presence.
create index members_user_id_idx on public.members (user_id, conversation_id);

create table public.conversation_log (
    conversation_id uuid not null constraint conversation_log_conversation_id_fkey references public.conversations (id),
    seq bigint not null,
    event text not null constraint conversation_log_event_known check (event in (
        'message.sent', 'message.edited', 'message.deleted', 'reaction.changed',
        'conversation.created', 'conversation.changed', 'member.joined', 'member.left'
    )),
    message_id uuid,
    user_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    constraint conversation_log_pkey primary key (conversation_id, seq)
);
comment on table public.conversation_log is 'What changed, from seq 1 without gaps: types and references, never content; never trimmed.';

alter table public.conversations enable row level security;
alter table public.members enable row level security;
alter table public.conversation_log enable row level security;
create policy conversations_for_services on public.conversations to service_role using (true) with check (true);
create policy members_for_services on public.members to service_role using (true) with check (true);
create policy conversation_log_for_services on public.conversation_log to service_role using (true) with check (true);

create function public.check_member(caller uuid, conversation_id uuid) returns void
language plpgsql stable set search_path = ''
as $$
begin
    perform public.check_caller(caller);
    if not exists (
        select from public.members m
        where m.conversation_id = check_member.conversation_id and m.user_id = caller
    ) then
        perform public.refuse(404, 'conversation_not_found');
    end if;
end
$$;
comment on function public.check_member is 'Access: 404 conversation_not_found, alike for "not there" and "not yours".';

revoke all on table public.conversations, public.members, public.conversation_log from public, anon, authenticated;
grant select, insert, update, delete on table public.conversations, public.members, public.conversation_log
    to service_role;
revoke all on function public.check_member from public, anon, authenticated;
grant execute on function public.check_member to service_role;
