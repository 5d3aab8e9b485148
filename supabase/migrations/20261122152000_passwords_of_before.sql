-- Who chose a password at Supabase Auth before it was noted (20261122145100): everybody who was there may have.

-- People of the built-in provider have an account here, and what they chose is known. A note too many costs its owner a
-- mail before their first password; one too few lets whoever takes a session set a password without knowing the old one.
insert into public.supabase_password_owners (user_id)
select u.id from public.users u
where u.deleted_at is null and not exists (select from builtin_auth.accounts a where a.id = u.id)
on conflict on constraint supabase_password_owners_pkey do nothing;
