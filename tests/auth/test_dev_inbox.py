"""The development inbox: for the people at this machine, and invisible to everybody else."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.auth.conftest import MakeApp, Owner
from tests.auth.providers import MAILED, builtin_only
from tests.auth.visitor import Visitor

pytestmark = builtin_only(MAILED)


def test_it_shows_mails_newest_first_as_json_and_as_a_page(ann: Visitor, ben: Visitor) -> None:
    first, second = ann.ask(), ann.ask()
    ben.ask()
    assert [mail.link for mail in ann.mails()] == [second.link, first.link]
    everyone = ann.call("GET", "/dev/inbox").get_json()["mails"]
    assert [mail["to"] for mail in everyone] == [ben.email, ann.email, ann.email]
    assert set(everyone[0]) == {"to", "subject", "link", "code", "sent_at"}
    accept = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = ann.call("GET", "/dev/inbox", query_string={"email": " ANN@example.org"}, headers=accept)
    text = page.get_data(as_text=True)
    assert page.mimetype == "text/html"
    assert second.link.replace("&", "&amp;") in text
    assert second.code in text
    assert ben.email not in text
    assert "<script" not in text


def test_nothing_is_remembered_for_longer_than_an_hour(ann: Visitor, owner: Owner, app: Flask) -> None:
    ann.ask()
    owner("update builtin_auth.inbox set sent_at = sent_at - interval '61 minutes'")
    assert ann.mails() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"Host": "chat.example.org"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.nip.io:5001"},
        {"Host": "[::1"},
        {"Host": ""},
    ],
)
def test_it_is_not_there_for_who_may_come_from_elsewhere(newcomer: Visitor, headers: dict[str, str]) -> None:
    answer = newcomer.call("GET", "/dev/inbox", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("host", ["localhost", "localhost:5001", "127.0.0.1:5001", "127.8.8.8", "[::1]:5001"])
def test_it_is_there_by_every_name_of_this_machine(newcomer: Visitor, host: str) -> None:
    assert newcomer.call("GET", "/dev/inbox", headers={"Host": host}).status_code == 200


def test_it_is_not_there_beyond_loopback_or_beside_smtp(make_app: MakeApp) -> None:
    smtp = {"SMTP_URL": "smtp://127.0.0.1:1", "MAIL_FROM": "pulse@example.org"}
    for environ in (smtp, {"HOST": "0.0.0.0", **smtp}):
        answer = make_app(**environ).test_client().get("/dev/inbox")
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    elsewhere = Visitor(make_app(), "")
    assert elsewhere.call("GET", "/dev/inbox", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404
