"""Postgres goes away and comes back: auth says so, and needs no restart."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask

from ops.migrate import APP_ROLE, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from tests.auth.conftest import running
from tests.auth.visitor import Visitor


def wait_until_ready(app: Flask) -> None:
    deadline = time.monotonic() + 30
    while app.test_client().get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, "auth did not find the database again"
        time.sleep(0.05)


def test_sign_in_pauses_while_postgres_is_away_and_goes_on_after(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "postgres", find_free_port(), "owner", ("fsync=off",))
    with serve(cluster):
        migrate(cluster.url(), "services")
        context = running(cluster.url("postgres", APP_ROLE, "services"))
        app = context.__enter__()
        ann = Visitor(app, "ann@example.org").sign_in()
    try:
        answer = ann.call("GET", "/auth/session")
        assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"]
        assert app.test_client().get("/readyz").status_code == 503
        assert app.test_client().get("/.well-known/jwks.json").status_code == 200
        with serve(cluster):
            wait_until_ready(app)
            assert ann.call("GET", "/auth/session").status_code == 200
            ann.keep(ann.refresh())
            assert Visitor(app, ann.email).sign_in().user == ann.user
    finally:
        context.__exit__(None, None, None)
