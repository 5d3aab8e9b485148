"""`make doctor`: tries a Supabase project and the services as they are configured, and says what to do.

Each check yields lines, and returns what later ones build on, or None when it could not find out.
"""
