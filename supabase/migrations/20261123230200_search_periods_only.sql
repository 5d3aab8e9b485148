-- What searched without periods, by itself: a search that had begun goes on in the functions it began in.

drop function public.search_older(uuid[], uuid, jsonb, timestamptz, uuid, integer);
drop index public.message_words_terms_idx;
drop function public.search_terms(tsvector, uuid, uuid);
drop function public.mark_words(text, jsonb);
