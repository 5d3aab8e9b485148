"""Runs a Flask app on gunicorn's threaded workers: ``python -m services.chat`` and its siblings."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException

from shared.errors import BadRequest
from shared.logs import configure_logs
from shared.settings import Settings


def on_start(app: Flask, start: Callable[[], None]) -> None:
    """``start`` runs in each worker after the fork: threads and pools must not be made before it."""
    app.extensions.setdefault("pulse.starts", []).append(start)


def start_background(app: Flask) -> None:
    for start in app.extensions.get("pulse.starts", []):
        start()


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn is published without types
    def __init__(self, module: str, settings: Settings, options: dict[str, Any]) -> None:
        self._module, self._settings, self._options = module, settings, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # Imported here, in the worker: metrics choose at import whether they are summed over processes.
        from shared.web import answer

        app: Flask = import_module(self._module).create_app(self._settings)
        # A body whose chunks are no chunks is found out only where somebody reads it.
        app.register_error_handler(ParseException, lambda _: answer(BadRequest()))
        start_background(app)
        return app


def serve(name: str, module: str, settings: Settings, *, workers: int, threads: int) -> None:
    """Serves ``module.create_app(settings)`` until SIGTERM; requests under way get 10 s."""
    configure_logs(name, settings.log_format, settings.log_level)
    figures = tempfile.mkdtemp(prefix=f"pulse-{name}-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
    master = os.getpid()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = {
        "bind": f"{host}:{settings.port}",
        "limit_request_line": 8190,  # gunicorn's most; /presence takes 200 ids, and its default has room for 109
        "workers": workers,
        "threads": threads,
        "worker_class": "shared.gunicorn_worker.Worker",
        "graceful_timeout": 10,
        "keepalive": 75,  # longer than a balancer's, which else may reuse a connection as it is being closed
        "proc_name": f"pulse-{name}",
        "logger_class": "shared.server.QuietLogger",
        "control_socket_disable": True,
        "child_exit": _forget_worker,
    }
    try:
        _Gunicorn(module, settings, options).run()
    finally:
        if os.getpid() == master:  # a worker leaves through here too
            shutil.rmtree(figures, ignore_errors=True)
        gc.freeze()  # or Python, to end, looks through all that was ever imported: a quarter of a second's work


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn is published without types
    """gunicorn's words go through our logs; requests are logged by the service itself."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.propagate = False


def _forget_worker(_server: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead  # reads PROMETHEUS_MULTIPROC_DIR

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # published without types
