"""PostgREST over the functions of ``documented.sql``, for the tests that hold it to its documentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from tests.standins.keys import ProjectKeys
from tests.standins.postgrest import PostgREST

DOCUMENTED = Path(__file__).with_name("documented.sql").read_text()
KEYS = ProjectKeys()
USER = KEYS.sign({"role": "authenticated", "sub": "ann"})

MakeServer = Callable[..., "Server"]


class Server:
    """PostgREST without a network: what matters here is what it answers."""

    def __init__(self, app: PostgREST) -> None:
        self.app = app
        self._client = Client(app)

    def ask(self, method: str, path: str, *, token: str | None = USER, **how: Any) -> TestResponse:
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return self._client.open(path, method=method, headers=headers, **how)

    def call(self, function: str, arguments: Any = None, **how: Any) -> TestResponse:
        return self.ask("POST", f"/rpc/{function}", json={} if arguments is None else arguments, **how)

    def code(self, function: str, arguments: Any = None, **how: Any) -> tuple[int, str]:
        return seen(self.call(function, arguments, **how))


def seen(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json()
    assert answer.headers["Proxy-Status"] == f"PostgREST; error={body['code']}"
    return answer.status_code, body["code"]


def read_places(server: Server) -> set[str]:
    return {row["place"] for row in server.ask("GET", "/visits").get_json()}
