-- What is rendered for every row is rendered inside the statement that reads it: PostgreSQL takes in functions of one
-- expression, if they have no settings of their own. Such a body was bound when it was made, whatever the search_path is.

alter function public.wire_time reset search_path;
alter function public.wire_user reset search_path;
alter function public.wire_message reset search_path;
