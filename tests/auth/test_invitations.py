"""Invitations by an admin: a mail of its own that nobody else can use up, and a link that lasts for days."""

from __future__ import annotations

import pytest
from flask import Flask

from services.auth.mail.message import InvitationMail
from services.auth.mail.smtp import parse_sender
from tests.auth.conftest import LetPass, MakeApp, Owner
from tests.auth.providers import MAILED, ONE_LINK, OWN_TABLES, builtin_only
from tests.auth.visitor import Visitor

DAY = 24 * 3600


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(SIGNUP="invited", ADMIN_EMAILS="ann@example.org")


@pytest.fixture
def ann(app: Flask) -> Visitor:
    return Visitor(app, "ann@example.org").sign_in()


def invite(ann: Visitor, name: str) -> Visitor:
    guest = Visitor(ann.app, f"{name}@example.org")
    assert ann.call("POST", "/users", json={"email": guest.email}).status_code == 201
    return guest


def test_an_invitation_arrives_though_somebody_used_up_the_mails_of_its_address(ann: Visitor) -> None:
    stranger = Visitor(ann.app, "ben@example.org")
    for _ in range(6):
        assert stranger.call("POST", "/auth/login", json={"email": stranger.email}).status_code == 202
    assert stranger.mails() == []
    ben = invite(ann, "ben")
    [mail] = ben.mails()
    assert ben.keep(ben.confirm(token_hash=mail.token)).user["name"] == "Ben"
    ben.call("POST", "/auth/login", json={"email": ben.email})
    assert len(ben.mails()) == 1  # those five are still used up


@builtin_only(MAILED)
def test_it_is_no_sign_in_mail_and_has_no_code_to_guess(ann: Visitor) -> None:
    [mail] = invite(ann, "ben").mails()
    assert (mail.subject, mail.code) == ("You are invited to Pulse at localhost:3000", "")


@builtin_only(MAILED)
def test_it_says_who_invited_and_where_to() -> None:
    link = "http://localhost:5001/auth/confirm?token_hash=x&type=email"
    for inviter, said in (("Ann <b>Lee</b>", "Ann <b>Lee</b> invited you"), (None, "You have been invited")):
        mail = InvitationMail("ben@example.org", link, "", inviter, "https://chat.example.org/login", 7)
        message = mail.render(parse_sender("Pulse <pulse@example.org>"))
        parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        text, html = (str(part.get_content()) for part in parts.values() if part)
        assert said in " ".join(text.split())
        assert "<b>" not in html
        for body in (text, html):
            assert "chat.example.org" in body
            assert "7 days" in body
            assert "ignore" not in body
        assert link in text
        assert link.replace("&", "&amp;") in html


@builtin_only(MAILED)
@pytest.mark.parametrize(("days", "works"), [(6.9, True), (7.1, False)])
def test_it_is_good_for_seven_days(ann: Visitor, let_pass: LetPass, days: float, works: bool) -> None:
    ben = invite(ann, "ben")
    [mail] = ben.mails()
    let_pass(days * DAY)
    page = ben.call("GET", "/auth/confirm", query_string=mail.query)
    assert ("Asked for 6 days ago" in page.get_data(as_text=True)) is works
    assert ben.confirm(token_hash=mail.token).status_code == (200 if works else 403)
    assert ben.confirm(token_hash=mail.token).status_code == 403  # once


@builtin_only(ONE_LINK)
def test_whoever_has_come_in_otherwise_leaves_no_invitation_open(ann: Visitor) -> None:
    ben, cho = invite(ann, "ben"), invite(ann, "cho")
    invitation, others = ben.mails()[0], cho.mails()[0]
    later = ben.ask()
    ben.sign_in()
    assert ben.confirm(token_hash=invitation.token).status_code == 403
    assert ben.confirm(token_hash=later.token).status_code == 200  # an older mail stays good, for its ten minutes
    assert cho.confirm(token_hash=others.token).status_code == 200


@builtin_only(OWN_TABLES)
def test_an_address_gets_five_invitations_an_hour(ann: Visitor, owner: Owner) -> None:
    for _ in range(7):
        ben = invite(ann, "ben")
        person = ann.call("GET", "/users", query_string={"query": ben.email}).get_json()["users"][0]
        assert ann.call("DELETE", f"/users/{person['id']}").status_code == 204
    [(taken,)] = owner("select cardinality(taken) from public.permits where bucket = 'invitation:ben@example.org'")
    assert taken == 5
    assert ben.mails() == []
