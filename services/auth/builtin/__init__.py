"""The built-in identity provider: everything in Postgres, in the schema ``builtin_auth``."""
