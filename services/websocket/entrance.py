"""The WSGI application in front of engineio and Flask: what it lets through to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog

from shared.errors import AppError, BadRequest, OriginNotAllowed

log = structlog.get_logger()


class Entrance:
    """``origins``: whose pages may open a transport. Clients that are no browser send none."""

    def __init__(self, site: WSGIApplication, origins: Iterable[str]) -> None:
        self._site, self._origins = site, frozenset(origins)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # eventlet agrees to permessage-deflate whenever asked: some 90 kB a client, and slower.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if environ.get("PATH_INFO", "").startswith("/socket.io/"):
            try:
                self._check(environ)
            except AppError as error:
                body = json.dumps(error.body()).encode()
                headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
                start_response(f"{error.status} {HTTPStatus(error.status).phrase}", headers)
                return [body]
        return self._site(environ, start_response)

    def _check(self, environ: WSGIEnvironment) -> None:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and is_own(origin, environ.get("HTTP_HOST")):
            del environ["HTTP_ORIGIN"]
        elif origin is not None and origin not in self._origins:
            log.info("connect_refused", reason="origin_not_allowed", origin=origin[:200])
            raise OriginNotAllowed("Pages of this origin may not connect.")
        if "j" in parse_qs(environ.get("QUERY_STRING", "")):
            raise BadRequest("JSONP is not spoken here: it would let any page read the answers.")


def is_own(origin: str, host: str | None) -> bool:
    """What Python's stock client writes there: this service's own address. Like a missing one it is fine with a token
    and worth nothing with a cookie."""
    return origin.partition("://")[2] == host
