"""What goes wrong between auth and Supabase Auth, and behind that: a short answer in time, and nothing lost by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from services.auth.supabase.keys import PublicKeys
from services.auth.supabase.provider import SupabaseProvider
from tests.auth.providers import PROVIDERS, SERVICE_TOKEN, Provider, Supabase, install_supabase, parts_of
from tests.auth.visitor import Visitor
from tests.conftest import Database

KEYS = "/.well-known/jwks.json"
VERIFY, TOKEN, ALL = "/auth/v1/verify", "/auth/v1/token", "/auth/v1/"
FOR_GOOD = 1_000
MakeSupabase = Callable[..., Supabase]


@pytest.fixture(params=[provider for provider in PROVIDERS if provider != "builtin"])
def make_supabase(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[MakeSupabase]:
    """The project, with options of its own."""
    provider: Provider = request.param
    with ExitStack() as stack:
        yield lambda **auth: stack.enter_context(install_supabase(provider, database, tmp_path, **auth))


@pytest.fixture
def supabase(make_supabase: MakeSupabase) -> Supabase:
    return make_supabase()


@pytest.fixture
def ann(supabase: Supabase) -> Visitor:
    """Where the project's public keys are known: without them no token counts."""
    app = supabase.make_app()
    assert app.test_client().get("/.well-known/jwks.json").get_json()["keys"]
    return Visitor(app, "ann@example.org")


def ask(visitor: Visitor) -> TestResponse:
    return visitor.call("POST", "/auth/login", json={"email": visitor.email})


def wait_until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_too_many_requests_say_for_how_long(supabase: Supabase, ann: Visitor) -> None:
    mail = ann.ask()
    with supabase.project.gateway.faults.inject("too many requests", VERIFY, seconds=7):
        refused = ann.confirm(token_hash=mail.token)
    assert refusal(refused) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "7"
    assert ann.confirm(token_hash=mail.token).status_code == 200


def test_who_asks_again_too_soon_for_supabase_is_not_told(make_supabase: MakeSupabase) -> None:
    supabase = make_supabase(mail_every_seconds=60)
    ann = Visitor(supabase.make_app(), "ann@example.org")
    first = ask(ann)
    assert len(ann.mails()) == 1
    again = ask(ann)
    assert (again.status_code, again.get_data()) == (first.status_code, first.get_data()) == (202, again.get_data())
    assert len(ann.mails()) == 1
    supabase.let_pass(61)
    ask(ann)
    assert len(ann.mails()) == 2


def test_a_gateways_page_for_a_link_is_unavailable_and_the_link_still_counts(supabase: Supabase, ann: Visitor) -> None:
    mail = ann.ask()
    with supabase.project.gateway.faults.inject("bad gateway before", VERIFY):
        refused = ann.confirm(token_hash=mail.token)
    assert refusal(refused) == (503, "unavailable")
    assert refused.headers["Retry-After"]
    assert ann.confirm(token_hash=mail.token).status_code == 200


@pytest.mark.parametrize("fault", ["bad gateway after", "hang up after"])
def test_a_session_whose_answer_was_lost_can_be_asked_for_anew(supabase: Supabase, ann: Visitor, fault: str) -> None:
    mail = ann.ask()
    with supabase.project.gateway.faults.inject(fault, VERIFY):  # type: ignore[arg-type]
        assert refusal(ann.confirm(token_hash=mail.token)) == (503, "unavailable")
    assert refusal(ann.confirm(token_hash=mail.token)) == (403, "link_expired")
    ann.sign_in()


@pytest.mark.parametrize("fault", ["bad gateway before", "bad gateway after", "hang up before", "hang up after"])
def test_a_refresh_whose_answer_was_lost_is_simply_repeated(supabase: Supabase, ann: Visitor, fault: str) -> None:
    ann.sign_in()
    with supabase.project.gateway.faults.inject(fault, TOKEN):  # type: ignore[arg-type]
        assert refusal(ann.refresh()) == (503, "unavailable")
    supabase.let_pass(60)
    ann.keep(ann.refresh())
    ann.keep(ann.refresh())


def test_a_server_that_hangs_is_waited_for_only_so_long(supabase: Supabase, ann: Visitor) -> None:
    ann.sign_in()
    other = Visitor(ann.app, ann.email)
    mail = other.ask()
    with supabase.project.gateway.faults.inject("hang before", ALL, times=FOR_GOOD), ThreadPoolExecutor(3) as pool:
        began = time.monotonic()
        answers = [
            pool.submit(ann.refresh),
            pool.submit(other.confirm, token_hash=mail.token),
            pool.submit(other.call, "POST", "/auth/login", json={"email": other.email, "password": "correct horse"}),
        ]
        assert ann.call("GET", "/auth/session").status_code == 200
        assert ann.call("GET", "/readyz").status_code == 503
        assert {refusal(answer.result()) for answer in answers} == {(503, "unavailable")}
        assert time.monotonic() - began < 60
    wait_until(lambda: ann.refresh().status_code == 200)  # for 3 s it counts as away
    assert other.confirm(token_hash=mail.token).status_code == 200


def test_a_server_that_hangs_takes_no_thread_from_what_does_without_it(supabase: Supabase, ann: Visitor) -> None:
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    with (
        ThreadPoolExecutor(8) as service,  # as many threads as auth has
        supabase.project.gateway.faults.inject("hang before", TOKEN, times=FOR_GOOD),
    ):
        began = time.monotonic()
        refreshing = [service.submit(ann.refresh, "x" * 12) for _ in range(24)]
        listing = service.submit(ann.call, "GET", "/revocations", headers=headers)
        assert listing.result().status_code == 200
        assert refusal(service.submit(ann.refresh, "x" * 12).result()) == (503, "unavailable")
        assert time.monotonic() - began < 30  # and not the 11 s that GoTrue has, several times over
    assert {one.result().status_code for one in refreshing} <= {401, 503}


def test_a_server_that_only_takes_its_time_is_not_taken_for_away(supabase: Supabase, ann: Visitor) -> None:
    people = [Visitor(ann.app, f"p{n}@example.org").sign_in() for n in range(6)]
    with (
        supabase.project.gateway.faults.inject("delay", TOKEN, times=FOR_GOOD, seconds=0.3),
        ThreadPoolExecutor(len(people)) as pool,
    ):
        assert {answer.status_code for answer in pool.map(Visitor.refresh, people)} == {200}


def test_known_keys_are_served_while_newer_ones_are_asked_for_in_vain(supabase: Supabase, ann: Visitor) -> None:
    listed = ann.call("GET", KEYS).get_json()
    provider = parts_of(ann.app).provider
    assert isinstance(provider, SupabaseProvider)
    keys = PublicKeys(provider.gotrue, refetch_seconds=0.0)
    assert keys.known() == listed["keys"]
    with (
        ThreadPoolExecutor(1) as pool,
        supabase.project.gateway.faults.inject("hang before", "/auth/v1/.well-known", times=FOR_GOOD) as fault,
    ):
        asking = pool.submit(keys.known)
        wait_until(lambda: fault.met > 0)
        assert [keys.known() for _ in range(3)] == [listed["keys"]] * 3
        assert not asking.done()
        assert asking.result(30) == listed["keys"]


def test_without_any_keys_nothing_is_made_up_for_them(supabase: Supabase) -> None:
    app = supabase.make_app()
    with supabase.project.gateway.faults.inject("bad gateway before", "/auth/v1/.well-known", times=FOR_GOOD):
        assert refusal(app.test_client().get(KEYS)) == (503, "unavailable")


def test_a_slow_mail_server_keeps_nobody_waiting(supabase: Supabase, ann: Visitor) -> None:
    supabase.project.mailbox.delay_seconds = 3
    assert ask(ann).status_code == 202
    assert supabase.project.mailbox.mails_to(ann.email) == []
    [mail] = ann.mails()
    assert ann.confirm(token_hash=mail.token).status_code == 200


def test_a_mail_server_that_takes_no_mail_changes_no_answer(supabase: Supabase, ann: Visitor) -> None:
    supabase.project.mailbox.refusal = "451 later"
    assert ask(ann).status_code == 202
    supabase.project.mailbox.wait_for_refusal()
    supabase.project.mailbox.refusal = None
    [mail] = ann.mails()  # tried again
    assert ann.confirm(token_hash=mail.token).status_code == 200


def test_while_auth_is_away_who_is_in_stays_in_and_may_leave(supabase: Supabase, ann: Visitor) -> None:
    ben = Visitor(ann.app, "ben@example.org").sign_in()
    ann.sign_in()
    with supabase.project.gateway.faults.inject("bad gateway before", ALL, times=FOR_GOOD):
        assert ask(Visitor(ann.app, "cho@example.org")).status_code == 202
        assert ann.call("GET", "/auth/session").status_code == 200
        refused = ann.refresh()
        assert refusal(refused) == (503, "unavailable")
        ready = ann.call("GET", "/readyz")
        assert ready.status_code == 503
        assert "supabase" in str(ready.get_json()).lower()
        assert ben.call("POST", "/auth/logout", json={}).status_code == 204
        assert ben.call("GET", "/auth/session").status_code == 401
        assert ben.refresh().status_code == 401
    assert ann.call("GET", "/readyz").status_code == 200
    ann.keep(ann.refresh())
    assert ben.refresh().status_code == 401
    assert Visitor(ann.app, "cho@example.org").mails()  # sent as soon as it was back


def test_a_project_that_was_never_there_is_said_at_once(supabase: Supabase) -> None:
    app = supabase.make_app(SUPABASE_URL="http://127.0.0.1:1", DATABASE_URL=supabase.project.database.url)
    cho = Visitor(app, "cho@example.org")
    assert refusal(cho.confirm(token_hash="x" * 56)) == (503, "unavailable")
    assert cho.call("GET", "/readyz").status_code == 503
