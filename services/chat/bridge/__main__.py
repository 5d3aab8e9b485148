"""``python -m services.chat.bridge``: feeds the websocket service from Kafka until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading

from werkzeug.serving import WSGIRequestHandler, make_server

from services.chat.bridge.app import Bridge, create_app
from services.chat.bridge.settings import BridgeSettings
from shared.logs import configure_logs
from shared.settings import SettingsError, exit_with


class QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # werkzeug's name
        """Requests are logged by the app itself."""


def main() -> None:
    try:
        settings = BridgeSettings.read()
    except SettingsError as error:
        exit_with(error, "bridge")
    configure_logs("bridge", settings.log_format, settings.log_level)
    bridge = Bridge(settings)
    try:
        server = make_server(
            settings.host, settings.port, create_app(settings, bridge), threaded=True, request_handler=QuietHandler
        )
    except (OSError, SystemExit) as error:  # werkzeug ends the process itself when the port is taken
        sys.exit(f"bridge: cannot listen on {settings.host}:{settings.port}: {error}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bridge.stop())
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    bridge.run()
    server.shutdown()


if __name__ == "__main__":
    main()
