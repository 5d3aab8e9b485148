"""``python -m services.chat``: serves chat with the settings of the environment."""

from services.chat.settings import ChatSettings
from shared.server import serve
from shared.settings import SettingsError, exit_with

if __name__ == "__main__":
    try:
        settings = ChatSettings.read()
    except SettingsError as error:
        exit_with(error, "chat")
    serve("chat", "services.chat.app", settings, workers=settings.workers, threads=settings.threads)
