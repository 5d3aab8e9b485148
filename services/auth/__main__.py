"""``python -m services.auth``: serves auth with the settings of the environment."""

from services.auth.check import check_secret
from services.auth.settings import AuthSettings
from shared.server import serve
from shared.settings import SettingsError, exit_with

if __name__ == "__main__":
    try:
        settings = AuthSettings.read()
        check_secret(settings)
    except SettingsError as error:
        exit_with(error, "auth")
    serve("auth", "services.auth.app", settings, workers=settings.workers, threads=settings.threads)
