-- Hosted projects grant new sequences to anon and authenticated too, also those behind an identity column.

revoke all on sequence public.revocations_position_seq from public, anon, authenticated;
grant usage on sequence public.revocations_position_seq to service_role;
