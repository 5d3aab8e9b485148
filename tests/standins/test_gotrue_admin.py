"""GoTrue's wire: what the service key may do."""

from __future__ import annotations

import pytest

from tests.standins.wire import Wire, read, refusal, somebody

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_an_administrator_adds_reads_changes_and_deletes(wire: Wire) -> None:
    user = wire.add_person(user_metadata={"name": "Ann"}, app_metadata={"pulse": 1})
    assert user["email_confirmed_at"]
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"], "pulse": 1}
    assert user["user_metadata"] == {"name": "Ann", "email_verified": True}
    path, token = f"/admin/users/{user['id']}", wire.service_token
    assert read(wire.call("GET", path, bearer=token))["email"] == user["email"]
    changed = read(wire.call("PUT", path, bearer=token, json={"user_metadata": {"name": None, "nick": "A"}}))
    assert changed["user_metadata"] == {"nick": "A", "email_verified": True}
    assert read(wire.call("DELETE", path, bearer=token)) == {}
    assert refusal(wire.call("GET", path, bearer=token)) == (404, "user_not_found")


def test_nobody_else_does(wire: Wire) -> None:
    person = wire.sign_in(somebody())
    path = f"/admin/users/{person['user']['id']}"
    for bearer, answer in (
        ("", (401, "no_authorization")),
        (person["access_token"], (403, "not_admin")),
        (wire.options.keys.role_token("anon"), (403, "not_admin")),
        ("sb_secret_of_no_use_here", (403, "bad_jwt")),
    ):
        for method, where in (("GET", path), ("PUT", path), ("DELETE", path), ("POST", "/admin/users")):
            assert refusal(wire.call(method, where, bearer=bearer, json={"email": somebody()})) == answer


def test_an_address_is_added_once(wire: Wire) -> None:
    email = wire.add_person()["email"]
    again = wire.post("/admin/users", wire.service_token, email=email.upper())
    assert refusal(again) == (422, "email_exists")


@pytest.mark.parametrize("body", [{}, {"email": "ann"}, {"email": "ann@example.org", "ban_duration": "a while"}])
def test_what_cannot_be_added_is_refused(wire: Wire, body: dict[str, str]) -> None:
    answer = wire.call("POST", "/admin/users", bearer=wire.service_token, json=body)
    assert refusal(answer) == (400, "validation_failed")


@pytest.mark.parametrize(("user_id", "code"), [("nobody", "validation_failed"), (NOBODY, "user_not_found")])
def test_someone_who_is_not_there_is_not_found(wire: Wire, user_id: str, code: str) -> None:
    assert refusal(wire.call("GET", f"/admin/users/{user_id}", bearer=wire.service_token)) == (404, code)


def test_people_are_listed_newest_first_by_pages(wire: Wire) -> None:
    people = [wire.add_person()["id"] for _ in range(3)]
    first = wire.call("GET", "/admin/users?page=1&per_page=2", bearer=wire.service_token)
    assert [user["id"] for user in read(first)["users"]] == people[:0:-1]
    assert int(first.headers["X-Total-Count"]) >= 3
    assert 'rel="next"' in first.headers["Link"]
    second = wire.call("GET", "/admin/users?page=2&per_page=2", bearer=wire.service_token)
    assert read(second)["users"][0]["id"] == people[0]


def test_an_administrator_s_password_ends_all_sessions(wire: Wire) -> None:
    user = wire.add_person()
    session = wire.sign_in_by_password(user["email"])
    path = f"/admin/users/{user['id']}"
    read(wire.call("PUT", path, bearer=wire.service_token, json={"password": "another horse"}))
    assert refusal(wire.refresh(session["refresh_token"])) == (400, "refresh_token_not_found")
    wire.sign_in_by_password(user["email"], "another horse")


def test_who_is_banned_is_out_until_the_ban_ends(wire: Wire) -> None:
    user = wire.add_person()
    session = wire.sign_in_by_password(user["email"])
    path = f"/admin/users/{user['id']}"
    banned = read(wire.call("PUT", path, bearer=wire.service_token, json={"ban_duration": "1h30m"}))
    assert banned["banned_until"]
    link = read(wire.post("/admin/generate_link", wire.service_token, type="magiclink", email=user["email"]))
    verified = wire.post("/verify", type="email", token_hash=link["hashed_token"])
    password = wire.post("/token?grant_type=password", email=user["email"], password="correct horse")
    assert refusal(verified) == (403, "user_banned")
    assert refusal(password) == (400, "user_banned")
    assert refusal(wire.refresh(session["refresh_token"])) == (400, "user_banned")
    assert refusal(wire.call("GET", "/user", bearer=session["access_token"])) == (403, "user_banned")
    read(wire.call("PUT", path, bearer=wire.service_token, json={"ban_duration": "none"}))
    read(wire.refresh(session["refresh_token"]))


def test_a_deleted_person_s_session_is_gone(wire: Wire) -> None:
    session = wire.sign_in(somebody())
    read(wire.call("DELETE", f"/admin/users/{session['user']['id']}", bearer=wire.service_token))
    assert refusal(wire.call("GET", "/user", bearer=session["access_token"])) == (403, "user_not_found")
    assert refusal(wire.refresh(session["refresh_token"])) == (400, "refresh_token_not_found")


def test_a_link_can_be_had_without_a_mail(wire: Wire) -> None:
    email = somebody()
    link = read(wire.post("/admin/generate_link", wire.service_token, type="magiclink", email=email))
    assert link["verification_type"] == "signup"
    assert link["hashed_token"] in link["action_link"]
    assert wire.mailbox.mails_to(email) == []
    read(wire.post("/verify", type="email", token_hash=link["hashed_token"]))
    again = read(wire.post("/admin/generate_link", wire.service_token, type="magiclink", email=email))
    assert again["verification_type"] == "magiclink"


@pytest.mark.parametrize(
    ("type_", "answer"), [("recovery", (404, "user_not_found")), ("coffee", (400, "validation_failed"))]
)
def test_a_link_for_nothing_is_refused(wire: Wire, type_: str, answer: tuple[int, str]) -> None:
    assert refusal(wire.post("/admin/generate_link", wire.service_token, type=type_, email=somebody())) == answer


def test_an_invitation_is_a_mail_of_its_own(wire: Wire) -> None:
    email = somebody()
    invited = read(wire.post("/invite", wire.service_token, email=email, data={"name": "Ann"}))
    assert invited["invited_at"]
    mail = wire.mailbox.wait_for(email)
    assert (mail.subject, mail.query("type")) == ("You've been invited", "invite")
    read(wire.post("/verify", type="email", token_hash=mail.query("token")))
    assert refusal(wire.post("/invite", wire.service_token, email=email)) == (422, "email_exists")


def test_a_recovery_link_signs_in_who_is_known(wire: Wire) -> None:
    email = wire.add_person()["email"]
    read(wire.post("/recover", email=email))
    mail = wire.mailbox.wait_for(email)
    assert mail.query("type") == "recovery"
    read(wire.post("/verify", type="recovery", token_hash=mail.query("token")))


def test_a_recovery_of_nobody_sends_nothing(wire: Wire) -> None:
    email = somebody()
    assert read(wire.post("/recover", email=email)) == {}
    assert wire.mailbox.mails_to(email) == []
