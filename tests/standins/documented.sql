-- What the pages of PostgREST's documentation speak of, made anew for test_postgrest.py.

create schema api;
grant usage on schema api to anon, authenticated, service_role;

create table api.visits (
    id integer generated always as identity constraint visits_pkey primary key,
    place text not null constraint visits_place_key unique
);
grant select, insert, update, delete on api.visits to authenticated, service_role;

create function api.plus(a integer, b integer default 1) returns integer language sql immutable return a + b;
create function api.plus_each(numbers integer[]) returns integer[]
language sql immutable return (select array_agg(n + 1 order by n) from unnest(numbers) n);
create function api.count_items(items jsonb) returns integer language sql immutable return jsonb_array_length(items);
create function api.times(json) returns integer
language sql immutable return ($1 ->> 'x')::integer * ($1 ->> 'y')::integer;
create function api.echo(value jsonb) returns jsonb language sql immutable return value;
create function api.say(word text) returns text language sql immutable return word;
create function api.know(id uuid, at timestamptz, sure boolean) returns jsonb
language sql immutable return jsonb_build_object('id', id, 'epoch', extract(epoch from at), 'sure', sure);
create function api.one_visit(place text) returns api.visits
language sql stable return row(7, place)::api.visits;
create function api.count_to(top integer) returns setof integer language sql immutable
begin atomic select n from generate_series(1, top) n; end;
create function api.squares(top integer) returns table (n integer, square integer) language sql immutable
begin atomic select n, n * n from generate_series(1, top) n; end;

create function api.lasts(customer integer) returns text language sql immutable return 'one';
create function api.lasts(customer integer, since date) returns text language sql immutable return 'two';
create function api.same(value integer) returns text language sql immutable return 'integer';
create function api.same(value text) returns text language sql immutable return 'text';

create function api.visit(place text) returns void language sql
begin atomic insert into api.visits (place) values (place); end;
create sequence api.calls;
grant usage on sequence api.calls to authenticated;
create function api.count_call() returns bigint language sql volatile return nextval('api.calls');
create function api.count_call_stable() returns bigint language sql stable return nextval('api.calls');
create function api.visit_and_fail(place text) returns void language plpgsql
as $$ begin insert into api.visits (place) values (place); raise exception 'and now not'; end $$;

create function api.fail(state text, said text default 'said', told text default null, hinted text default '')
returns void language plpgsql
as $$ begin
    if told is null then
        raise exception using errcode = state, message = said, hint = hinted;
    end if;
    raise exception using errcode = state, message = said, detail = told, hint = hinted;
end $$;

create function api.setting(name text) returns text language sql stable return current_setting(name, true);
create function api.who() returns text language sql stable return current_user;
create function api.patient() returns text language sql stable set statement_timeout = '4s'
return current_setting('statement_timeout');
create function api.wait() returns void language sql
begin atomic select pg_advisory_xact_lock(1); end;
