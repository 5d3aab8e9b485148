"""A new password ends sessions in all services, as signing out does, and spares the one it was set in."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.system.person import Person
from tests.system.stack import Stack, new_email
from tests.system.test_sessions import check_it_stops
from tests.system.waiting import eventually

pytestmark = pytest.mark.system

HORSE, CASTLE = "correct horse battery", "sand castle at noon"


def log_in(stack: Stack, person: Person, password: str) -> Person:
    """The same person at another device, by password."""
    session = stack.http("auth").post("/auth/login", {"email": person.email, "password": password})
    return Person(stack.http("auth"), stack.http("chat"), stack.urls["websocket"], session)


def test_a_changed_password_ends_the_other_sessions_everywhere_and_spares_this_one(stack: Stack) -> None:
    here = stack.sign_in("ann")
    here.auth.request("PUT", "/auth/password", json={"password": HORSE})
    there = log_in(stack, here, HORSE)
    device, kept = there.connect(), here.connect()

    changed = here.auth.request("PUT", "/auth/password", json={"password": CASTLE, "current_password": HORSE})
    since = time.monotonic()

    assert changed.status_code == 204, changed.text
    assert device.wait_for("session.ended")["reason"] == "signed_out"
    check_it_stops(there, since)
    assert kept.client.connected
    assert kept.events("session.ended") == []
    assert here.conversations() == []


def test_a_password_set_by_mail_ends_all_sessions_everywhere(stack: Stack) -> None:
    ann = stack.sign_in_as(new_email("ann"))
    device, before = ann.connect(), len(stack.backing.mails_to(ann.email))
    auth = stack.http("auth")

    auth.post("/auth/password/reset", {"email": ann.email}, status=202)
    eventually(lambda: len(stack.backing.mails_to(ann.email)) > before, "the mail")
    query = parse_qs(urlsplit(stack.backing.mails_to(ann.email)[0]["link"]).query)
    link = {name: values[0] for name, values in query.items()}
    session = auth.post("/auth/confirm", {**link, "password": CASTLE})
    since = time.monotonic()

    assert device.wait_for("session.ended")["reason"] == "signed_out"
    check_it_stops(ann, since)
    fresh = Person(stack.http("auth"), stack.http("chat"), stack.urls["websocket"], session)
    assert fresh.conversations() == []
    assert log_in(stack, fresh, CASTLE).user == ann.user


def test_signing_out_a_session_that_a_password_opened_stops_it_everywhere(stack: Stack) -> None:
    here = stack.sign_in("ann")
    here.auth.request("PUT", "/auth/password", json={"password": HORSE})
    there = log_in(stack, here, HORSE)
    device = there.connect()

    there.sign_out()
    since = time.monotonic()

    assert device.wait_for("session.ended")["reason"] == "signed_out"
    check_it_stops(there, since)
    assert here.conversations() == []
