-- An event of a message is rendered in one go: a function with a search_path of its own costs as much as a row.

create or replace function public.list_changes(caller uuid, conversation_id uuid, after_seq bigint, page_limit integer)
returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    newest bigint;
begin
    perform public.check_member(caller, conversation_id);
    select c.last_seq into newest from public.conversations c where c.id = list_changes.conversation_id;
    if newest - after_seq > 1000 then
        return jsonb_build_object('events', '[]'::jsonb, 'last_seq', newest, 'reset', true);
    end if;
    return jsonb_build_object(
        'events', (
            select coalesce(jsonb_agg(
                case when page.message_id is null then public.wire_log_entry(page::public.conversation_log)
                     else jsonb_build_object(
                        'seq', page.seq,
                        'event', page.event,
                        'data', jsonb_build_object(
                            'conversation_id', page.conversation_id,
                            'seq', page.seq,
                            'message', (select public.wire_message(m) from public.messages m where m.id = page.message_id)
                        )
                     )
                end order by page.seq
            ), '[]')
            from (
                select * from public.conversation_log entry
                where entry.conversation_id = list_changes.conversation_id
                  and entry.seq > after_seq and entry.seq <= newest
                order by entry.seq
                limit page_limit
            ) page
        ),
        'last_seq', newest,
        'reset', false
    );
end
$$;
