"""A provider that is down, slow or talks nonsense holds nobody up for long, and loses nobody's sign-in."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from ops.ports import find_free_port
from services.auth.settings import AuthSettings
from shared.settings import SettingsError
from tests.auth.conftest import MakeApp
from tests.auth.openid import Browser, OwnIssuer, run_own_issuer, settings_for
from tests.auth.providers import builtin_only
from tests.auth.test_google import post, said

pytestmark = builtin_only("with Supabase Auth, Google is set up in the project")
SOUND = {
    "DATABASE_URL": "postgresql://pulse_app@127.0.0.1/pulse",
    "SERVICE_TOKEN": "a-service-token-of-thirty-two-characters",
    "AUTH_SECRET": "an-auth-secret-of-thirty-two-characters",
    "GOOGLE_CLIENT_ID": "pulse.apps.example.org",
    "GOOGLE_CLIENT_SECRET": "a-secret-that-google-gave",
}


@pytest.fixture
def issuer() -> Iterator[OwnIssuer]:
    with run_own_issuer() as issuer:
        yield issuer


def test_nobody_comes_in_while_the_provider_is_away_and_links_go_on(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(f"http://127.0.0.1:{find_free_port()}"))
    answer = Browser(app).open("/auth/google")
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (503, "text/html", "3")
    assert said(post(app, issuer.sign(issuer.claims()))) == (503, "unavailable")
    assert app.test_client().post("/auth/login", json={"email": "ann@example.org"}).status_code == 202
    assert app.test_client().get("/readyz").status_code == 200


def test_a_provider_that_hangs_is_waited_for_once_and_not_by_everybody(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    issuer.fault = "hang"
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Browser(app).open("/auth/google"), range(8)))
    assert [answer.status_code for answer in answers] == [503] * 8
    assert time.monotonic() - began < 30  # the time limit once, on a busy machine
    assert issuer.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize(("pause", "number"), [(0.5, 1_000), (0, 200), (0, 2)], ids=["drips", "floods", "breaks off"])
def test_an_answer_without_an_end_is_not_waited_for(make_app: MakeApp, pause: float, number: int) -> None:
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n")
            for _ in range(number):
                connection.sendall(b" " * (10_000 if pause == 0 else 1))
                if over.wait(pause):
                    break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = make_app(**settings_for(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        server = threading.Thread(target=serve, args=[listener])
        server.start()
        began = time.monotonic()
        assert Browser(app).open("/auth/google").status_code == 503
        assert time.monotonic() - began < 60  # the slowest would take 500
        over.set()
        server.join(30)


def test_a_sign_in_that_broke_at_the_provider_goes_on_when_it_is_back(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    browser = Browser(app)
    back = issuer.consent(browser.begin())
    for fault in ("502 /token", "nonsense /token", "502 /jwks", "nonsense /jwks"):
        issuer.fault = fault
        if fault.endswith("/jwks"):
            back = issuer.consent(browser.begin())
        answer = browser.open(back)
        assert (fault, answer.status_code, "Retry-After" in answer.headers) == (fault, 503, True)
    issuer.fault = ""
    assert browser.open(issuer.consent(browser.begin())).status_code == 303


def test_the_configuration_of_another_issuer_is_not_taken(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    for wrong in (
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "ftp://elsewhere.example/token"},
        {"jwks_uri": None},
    ):
        issuer.configuration = wrong
        assert Browser(app).open("/auth/google").status_code == 503
    issuer.configuration = {}
    assert Browser(app).open("/auth/google").status_code == 302


def test_a_wrong_client_secret_is_no_broken_link(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url, GOOGLE_CLIENT_SECRET="another secret"))
    browser = Browser(app)
    answer = browser.open(issuer.consent(browser.begin()))
    assert (answer.status_code, "another secret" in answer.get_data(as_text=True)) == (403, False)
    assert browser.user() is None


def test_what_is_kept_is_used_while_the_provider_is_away(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    assert post(app, issuer.sign(issuer.claims())).status_code == 200
    issuer.fault = "502"
    assert post(app, issuer.sign(issuer.claims(jti="another"))).status_code == 200
    assert Browser(app).open("/auth/google").status_code == 302


def test_one_token_at_the_same_moment_signs_in_once(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    token = issuer.sign(issuer.claims())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(app, token).status_code, range(6)))
    assert sorted(answers) == [200] + [403] * 5


def test_the_same_person_at_two_devices_at_the_same_moment_is_one(make_app: MakeApp, issuer: OwnIssuer) -> None:
    app = make_app(**settings_for(issuer.url))
    tokens = [issuer.sign(issuer.claims(jti=str(number))) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda token: post(app, token), tokens))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_json()["user"]["id"] for answer in answers}) == 1


def test_a_client_needs_its_secret_and_an_issuer_nobody_can_impersonate() -> None:
    assert AuthSettings.read(SOUND).google_issuer == "https://accounts.google.com"
    assert AuthSettings.read({**SOUND, "GOOGLE_ISSUER": "http://127.0.0.1:9400"})
    for wrong, named in (
        ({"GOOGLE_CLIENT_SECRET": ""}, "GOOGLE_CLIENT_SECRET"),
        ({"GOOGLE_ISSUER": "http://id.example.org"}, "GOOGLE_ISSUER"),
        ({"GOOGLE_ISSUER": "id.example.org"}, "GOOGLE_ISSUER"),
    ):
        with pytest.raises(SettingsError) as refused:
            AuthSettings.read({**SOUND, **wrong})
        assert [problem.split(":")[0].split(" ")[0] for problem in refused.value.problems] == [named]
        assert SOUND["GOOGLE_CLIENT_SECRET"] not in str(refused.value)
