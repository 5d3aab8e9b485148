"""How long signing in takes through the auth service on the real Supabase Auth, on this machine.

    GOTRUE_BIN=/path/to/auth python -m bench.sign_in

Medians of 20 by HTTP, with an embedded PostgreSQL and a mail server on loopback.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from ops.migrate import APP_ROLE, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from tests.auth.providers import Supabase, install_supabase
from tests.conftest import Database
from tests.standins.real_gotrue import PROGRAM
from tests.standins.server import serve as serve_app
from tests.standins.wire import somebody

ROUNDS = 20
PASSWORD = "correct horse battery"  # noqa: S105
SERVICES_PASSWORD = "services-in-a-measurement"  # noqa: S105


class Run:
    def __init__(self, url: str, supabase: Supabase) -> None:
        self._url, self._mailbox = url, supabase.project.mailbox
        self._http = requests.Session()
        self._seconds: dict[str, list[float]] = {}

    def post(self, path: str, body: dict[str, Any], token: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._http.post(self._url + path, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer

    def timed(self, what: str, work: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        result = work(*arguments)
        self._seconds.setdefault(what, []).append(time.perf_counter() - began)
        return result

    def mail(self, path: str, body: dict[str, Any], answered: str, arrived: str) -> dict[str, str]:
        """What the link says; how long the answer took, and how long until the mail was there."""
        began = time.perf_counter()
        self.timed(answered, self.post, path, body)
        mail = self._mailbox.wait_for(body["email"], len(self._mailbox.mails_to(body["email"])) or 1)
        self._seconds.setdefault(arrived, []).append(time.perf_counter() - began)
        return {name: mail.query(name) for name in ("token_hash", "redirect_to")}

    def confirm(self, link: dict[str, str]) -> dict[str, Any]:
        """Once more when the mail was quicker than the commit of its token."""
        for _ in range(50):
            answer = self._http.post(f"{self._url}/auth/confirm", json=link, timeout=30)
            if answer.status_code != 403:
                break
            time.sleep(0.01)
        answer.raise_for_status()
        session: dict[str, Any] = answer.json()
        return session

    def report(self) -> None:
        for what, seconds in self._seconds.items():
            print(f"{what:<36} {statistics.median(seconds) * 1000:7.1f} ms", file=sys.stdout)


def measure(run: Run) -> None:
    admin = run.confirm(run.mail("/auth/login", {"email": "ann@example.org"}, "login: answer", "login: mail"))
    for _ in range(ROUNDS):
        login = {"email": somebody()}
        token = run.mail("/auth/login", login, "login: answer", "login: mail")
        time.sleep(0.1)  # its token is committed
        session = run.timed("confirm", run.confirm, token)
        refresh = {"refresh_token": session["refresh_token"]}
        session = run.timed("refresh", run.post, "/auth/refresh", refresh).json()
        access = session["access_token"]
        run.timed("logout", run.post, "/auth/logout", {}, access)

        signup = {"email": somebody(), "password": PASSWORD + secrets.token_hex(4)}
        run.confirm(run.mail("/auth/signup", signup, "signup: answer", "signup: mail"))
        run.timed("login with password", run.post, "/auth/login", signup)
        person = {"email": somebody()}
        run.timed("user made by an admin", run.post, "/users", person, admin["access_token"])


def main() -> None:
    if not PROGRAM:
        raise SystemExit("set GOTRUE_BIN to a build of supabase/auth")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster = Cluster(folder / "postgres", find_free_port(), secrets.token_urlsafe(16))
        with serve(cluster):
            cluster.create_database("pulse")
            migrate(cluster.url("pulse"), SERVICES_PASSWORD)
            database = Database(cluster.url("pulse", APP_ROLE, SERVICES_PASSWORD), cluster.url("pulse"))
            limits = {"mails_per_hour": 10_000}
            with install_supabase("supabase-real", database, folder, **limits) as supabase:
                app = supabase.make_app(LOGINS_PER_IP="10000", CODES_PER_IP="10000")
                with serve_app(app) as url:
                    run = Run(url, supabase)
                    measure(run)
                    run.report()


if __name__ == "__main__":
    main()
