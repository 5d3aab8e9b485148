"""The identity provider of a Supabase project: GoTrue over HTTP, through ``supabase_auth`` (docs/supabase-auth.md)."""
