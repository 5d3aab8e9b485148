"""``python -m frontend.server``: serves the pages with the settings of the environment."""

from frontend.server.settings import PagesSettings
from shared.server import serve
from shared.settings import SettingsError, exit_with

if __name__ == "__main__":
    try:
        settings = PagesSettings.read()
    except SettingsError as error:
        exit_with(error, "pages")
    serve("pages", "frontend.server.app", settings, workers=1, threads=8)
