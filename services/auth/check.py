"""What can only be said with the database at hand, said before anything listens."""

from __future__ import annotations

from services.auth.seals import Seals, WrongSecret
from services.auth.settings import AuthSettings
from shared.errors import AppError
from shared.postgres_database import PostgresDatabase
from shared.settings import SettingsError


def check_secret(settings: AuthSettings) -> None:
    """Raises SettingsError when AUTH_SECRET is not the one this database's keys were sealed with.

    A database that does not answer is no reason not to start: /readyz says so until it does.
    """
    if settings.database_url is None:  # with Supabase nothing in the database is sealed
        return
    database = PostgresDatabase(
        settings.database_url.get_secret_value(), connections=1, pooler=settings.database_pooler
    )
    try:
        rows = database.in_schema("builtin_auth").call("list_signing_keys")["keys"]
        for row in rows[:1]:
            Seals(settings.auth_secret.get_secret_value()).open(row["private_key"])
    except AppError:
        return
    except WrongSecret:
        raise SettingsError(
            ["AUTH_SECRET is not the secret that this database's signing keys were sealed with: set it back"]
        ) from None
    finally:
        database.close()
