-- The seeds' one table of messages, with the index its history needs. receiver_id is a person, or a group.

create table messages (
    id bigint generated always as identity primary key,
    sender_id uuid not null,
    receiver_id uuid not null,
    content text not null,
    created_at timestamptz not null default now()
);
create index messages_receiver_id_created_at_idx on messages (receiver_id, created_at);
