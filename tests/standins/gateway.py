"""The one origin of a Supabase project: keys checked and translated, ``/auth/v1`` and ``/rest/v1`` passed on.

Source of the rules: the gateway's configuration in Supabase's self-hosting files, and *Understanding API keys*. An
opaque key means nothing to PostgREST and Auth: the gateway puts that role's token in its place, unless the request
brings the token of a person.
"""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import urllib3
from werkzeug.wrappers import Request, Response

from tests.standins.faults import Faults, bad_gateway, too_many_requests
from tests.standins.keys import ProjectKeys
from tests.standins.server import hang_up

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OPEN = ("/auth/v1/verify", "/auth/v1/callback", "/auth/v1/authorize", "/auth/v1/.well-known/jwks.json")
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")


@dataclass(frozen=True)
class Recorded:
    """A request as a client sent it; header names in lower case, ``connection`` by the client's port."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


class Gateway:
    """A WSGI application. ``services`` are the upstreams by first path, ``{"/rest/v1": app}``."""

    def __init__(self, keys: ProjectKeys, services: Mapping[str, WSGIApplication]) -> None:
        self.faults = Faults()
        self._services = dict(services)
        self._roles = {keys.publishable_key: "anon", keys.secret_key: "service_role"}
        self._tokens = {key: keys.role_token(role) for key, role in self._roles.items()}
        self._lock = threading.Lock()
        self._requests: list[Recorded] = []
        self._under_way: Counter[str] = Counter()

    @property
    def requests(self) -> list[Recorded]:
        """All that came, oldest first."""
        with self._lock:
            return list(self._requests)

    def is_answering(self, path: str) -> bool:
        """Whether a request to that path is under way: Auth keeps a link only when its mail is out."""
        with self._lock:
            return self._under_way[path] > 0

    def mount(self, prefix: str, service: WSGIApplication) -> None:
        self._services[prefix] = service

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self._record(request)
        with self._counted(request.path):
            return self._answer(request, environ, start_response)

    @contextmanager
    def _counted(self, path: str) -> Iterator[None]:
        with self._lock:
            self._under_way[path] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[path] -= 1

    def _answer(self, request: Request, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fault = self.faults.find(request.path)
        if fault is None or fault.kind == "delay":
            return self._pass_on(request)(environ, start_response)
        if fault.after:
            self._pass_on(request)
        if fault.kind.startswith("bad gateway"):
            return bad_gateway()(environ, start_response)
        if fault.kind == "too many requests":
            return too_many_requests(fault.seconds)(environ, start_response)
        if fault.kind.startswith("hang before") or fault.kind.startswith("hang after"):
            fault.wait()
        hang_up(environ["werkzeug.socket"])
        raise ConnectionAbortedError("hung up")

    def _pass_on(self, request: Request) -> Response:
        prefix = next((one for one in self._services if request.path.startswith(f"{one}/")), None)
        if prefix is None:
            return _refuse(404, "no Route matched with those values")
        headers = self._translate_key(request)
        if isinstance(headers, Response):
            return headers
        environ = {**request.environ, **headers, "wsgi.input": io.BytesIO(request.get_data())}
        environ.pop("HTTP_X_JWT_AUD", None)  # it would choose the audience that Auth looks people up in
        environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = request.path.removeprefix(prefix)
        return Response.from_app(self._services[prefix], environ, buffered=True)

    def _translate_key(self, request: Request) -> Response | dict[str, str]:
        """The headers to replace, as WSGI names them; or a refusal."""
        if any(request.path == path or request.path.startswith(f"{path}/") for path in OPEN):
            return {}
        key = request.headers.get("apikey") or request.args.get("apikey")
        if not key:
            return _refuse(401, "No API key found in request")
        if key not in self._roles:
            return _refuse(401, "Invalid API key")
        authorization = request.headers.get("Authorization", "")
        if key.startswith("sb_") and (not authorization or authorization.startswith("Bearer sb_")):
            return {"HTTP_AUTHORIZATION": f"Bearer {self._tokens[key]}"}
        return {}

    def _record(self, request: Request) -> None:
        recorded = Recorded(
            request.method,
            request.path,
            request.query_string.decode(),
            {name.lower(): value for name, value in request.headers.items()},
            request.get_data(),
            request.environ["REMOTE_PORT"],
        )
        with self._lock:
            self._requests.append(recorded)


class Proxy:
    """A WSGI application that asks the same of a real server; 502 as HTML when that is not there."""

    def __init__(self, origin: str) -> None:
        self._origin = origin.rstrip("/")
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(60))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        address = f"{self._origin}{request.path}"
        if request.query_string:
            address += f"?{request.query_string.decode()}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        # What a gateway adds: Auth counts requests by it.
        headers.setdefault("X-Forwarded-For", request.remote_addr or "127.0.0.1")
        try:
            answer = self._pool.request(
                request.method, address, body=request.get_data(), headers=headers, redirect=False, decode_content=False
            )
        except urllib3.exceptions.HTTPError:
            return bad_gateway()(environ, start_response)
        passed = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
        return Response(answer.data, answer.status, passed)(environ, start_response)


def _refuse(status: int, message: str) -> Response:
    return Response(f'{{"message":"{message}"}}', status, content_type="application/json")
