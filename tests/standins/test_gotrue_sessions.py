"""GoTrue's wire: passwords, tokens and their renewal, one's own account, signing out, and the shapes of errors."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import jwt
import pytest

from tests.standins.conftest import MakeWire
from tests.standins.wire import Wire, read, refusal, somebody

PASSWORD = "correct horse"


@pytest.mark.parametrize("signing", ["ES256", "HS256"])
def test_an_access_token_says_who_and_until_when(make_wire: MakeWire, signing: str) -> None:
    wire = make_wire(signing=signing)
    session = wire.sign_in("ann@example.org")
    keys = read(wire.call("GET", "/.well-known/jwks.json"))["keys"]
    assert [key["kid"] for key in keys] == (["key-1"] if signing == "ES256" else [])
    assert all("d" not in key for key in keys)
    key = jwt.PyJWK(keys[0]) if keys else wire.options.keys.jwt_secret
    claims = jwt.decode(session["access_token"], key, algorithms=[signing], audience="authenticated")
    assert set(claims) == {
        *("sub", "aud", "exp", "iat", "email", "phone", "app_metadata", "user_metadata", "role", "aal", "amr"),
        *("session_id", "is_anonymous"),
    }
    assert claims["sub"] == session["user"]["id"]
    assert claims["role"] == "authenticated"
    assert claims["exp"] - claims["iat"] == 3600
    assert isinstance(claims["iat"], int)
    assert claims["exp"] == session["expires_at"]
    assert abs(time.time() - claims["iat"]) < 60
    assert UUID(claims["session_id"])
    assert [way["method"] for way in claims["amr"]] == ["otp"]


def test_the_right_password_signs_in(wire: Wire) -> None:
    email = wire.add_person()["email"]
    claims = jwt.decode(wire.sign_in_by_password(email)["access_token"], options={"verify_signature": False})
    assert [way["method"] for way in claims["amr"]] == ["password"]


def test_a_wrong_password_and_an_unknown_address_read_the_same(wire: Wire) -> None:
    email = wire.add_person()["email"]
    answers = [
        wire.post("/token?grant_type=password", email=address, password="wrong horse")
        for address in (email, somebody())
    ]
    assert [refusal(answer) for answer in answers] == [(400, "invalid_credentials")] * 2
    assert answers[0].json() == answers[1].json()


def test_who_has_not_confirmed_is_told_so_only_with_the_right_password(wire: Wire) -> None:
    email = somebody()
    read(wire.post("/signup", email=email, password=PASSWORD))
    right = wire.post("/token?grant_type=password", email=email, password=PASSWORD)
    wrong = wire.post("/token?grant_type=password", email=email, password="wrong horse")
    assert refusal(right) == (400, "email_not_confirmed")
    assert refusal(wrong) == (400, "invalid_credentials")


def test_signing_up_sends_a_confirmation_and_no_tokens(wire: Wire) -> None:
    email = somebody()
    user = read(wire.post("/signup", email=email, password=PASSWORD, data={"name": "Ann"}))
    assert "access_token" not in user
    assert user["user_metadata"]["name"] == "Ann"
    assert len(user["identities"]) == 1
    read(wire.post("/verify", type="email", token_hash=wire.mailbox.wait_for(email).query("token")))
    wire.sign_in_by_password(email)


def test_signing_up_a_known_address_looks_the_same_and_changes_nothing(wire: Wire) -> None:
    known = wire.add_person()
    user = read(wire.post("/signup", email=known["email"], password="another horse"))
    fresh = read(wire.post("/signup", email=somebody(), password="another horse"))
    assert user["id"] != known["id"]
    assert user["identities"] == []
    assert set(user) == set(fresh)
    assert wire.mailbox.mails_to(known["email"]) == []
    wire.sign_in_by_password(known["email"])


def test_a_second_sign_up_before_the_first_is_confirmed_keeps_the_first_password(wire: Wire) -> None:
    """Whoever confirms then has a password that somebody else chose: the caller has to see to that."""
    email = somebody()
    read(wire.post("/signup", email=email, password="ben's password"))
    wire.server.let_pass(2)
    read(wire.post("/signup", email=email, password=PASSWORD))
    read(wire.post("/verify", type="email", token_hash=wire.mailbox.wait_for(email, 2).query("token")))
    wire.sign_in_by_password(email, "ben's password")


def test_with_autoconfirm_signing_up_signs_in_and_tells_who_is_known(make_wire: MakeWire) -> None:
    wire = make_wire(autoconfirm=True)
    assert read(wire.post("/signup", email="ann@example.org", password=PASSWORD))["access_token"]
    again = wire.post("/signup", email="ann@example.org", password=PASSWORD)
    assert refusal(again) == (422, "user_already_exists")


def test_a_project_may_take_no_new_people(make_wire: MakeWire) -> None:
    wire = make_wire(disable_signup=True)
    assert refusal(wire.post("/signup", email="ann@example.org", password=PASSWORD)) == (422, "signup_disabled")
    assert refusal(wire.post("/otp", email="ann@example.org")) == (422, "signup_disabled")
    wire.ask(wire.add_person()["email"])


def test_a_weak_password_is_refused_with_reasons(wire: Wire) -> None:
    answer = wire.post("/signup", email=somebody(), password="short")
    assert refusal(answer) == (422, "weak_password")
    assert answer.json()["weak_password"] == {"reasons": ["length"]}
    assert refusal(wire.post("/signup", email=somebody(), password="x" * 73)) == (400, "validation_failed")


# Renewal


def test_a_refresh_token_gives_its_successor(wire: Wire) -> None:
    first = wire.sign_in(somebody())
    second = read(wire.refresh(first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    session_ids = {
        jwt.decode(pair["access_token"], options={"verify_signature": False})["session_id"] for pair in (first, second)
    }
    assert len(session_ids) == 1
    read(wire.refresh(second["refresh_token"]))


def test_the_parent_of_the_newest_token_gives_that_again_however_late(wire: Wire) -> None:
    first = wire.sign_in(somebody())["refresh_token"]
    second = read(wire.refresh(first))["refresh_token"]
    wire.server.let_pass(3600)
    assert read(wire.refresh(first))["refresh_token"] == second


def test_within_ten_seconds_an_older_token_still_works(wire: Wire) -> None:
    first = wire.sign_in(somebody())["refresh_token"]
    second = read(wire.refresh(first))["refresh_token"]
    third = read(wire.refresh(second))["refresh_token"]
    assert read(wire.refresh(first))["refresh_token"] not in (first, second, third)


def test_a_token_used_again_later_ends_the_family(wire: Wire) -> None:
    first = wire.sign_in(somebody())["refresh_token"]
    third = read(wire.refresh(read(wire.refresh(first))["refresh_token"]))["refresh_token"]
    wire.server.let_pass(11)
    assert refusal(wire.refresh(first)) == (400, "refresh_token_already_used")
    wire.server.let_pass(11)
    assert refusal(wire.refresh(third)) == (400, "refresh_token_already_used")


def test_the_newest_token_outlives_its_family_by_the_same_ten_seconds(wire: Wire) -> None:
    """Its revocation counts as a use: a caller that must be sure ends the session as well."""
    session = wire.sign_in(somebody())
    first = session["refresh_token"]
    third = read(wire.refresh(read(wire.refresh(first))["refresh_token"]))["refresh_token"]
    wire.server.let_pass(11)
    assert refusal(wire.refresh(first)) == (400, "refresh_token_already_used")
    read(wire.refresh(third))
    read(wire.call("GET", "/user", bearer=session["access_token"]))


@pytest.mark.parametrize(
    ("token", "code"),
    [("abcdefghijkl", "refresh_token_not_found"), ("short", "validation_failed"), ("x" * 40, "validation_failed")],
)
def test_a_refresh_token_of_nobody_is_refused(wire: Wire, token: str, code: str) -> None:
    assert refusal(wire.refresh(token)) == (400, code)


# One's own account


def test_a_person_sees_and_changes_themself(wire: Wire) -> None:
    token = wire.sign_in(somebody())["access_token"]
    changed = read(wire.call("PUT", "/user", bearer=token, json={"data": {"name": "Ann"}}))
    assert changed["user_metadata"]["name"] == "Ann"
    assert read(wire.call("GET", "/user", bearer=token))["user_metadata"]["name"] == "Ann"


def test_a_new_password_ends_the_other_sessions_only(wire: Wire) -> None:
    email = wire.add_person()["email"]
    here, elsewhere = wire.sign_in_by_password(email), wire.sign_in_by_password(email)
    read(wire.call("PUT", "/user", bearer=here["access_token"], json={"password": "another horse"}))
    read(wire.refresh(here["refresh_token"]))
    assert refusal(wire.refresh(elsewhere["refresh_token"])) == (400, "refresh_token_not_found")
    wire.sign_in_by_password(email, "another horse")


def test_a_new_password_is_another_and_strong_enough(wire: Wire) -> None:
    token = wire.sign_in_by_password(wire.add_person()["email"])["access_token"]
    same = wire.call("PUT", "/user", bearer=token, json={"password": PASSWORD})
    assert refusal(same) == (422, "same_password")
    assert refusal(wire.call("PUT", "/user", bearer=token, json={"password": "short"})) == (422, "weak_password")


def test_nobody_gives_themself_rights(wire: Wire) -> None:
    token = wire.sign_in(somebody())["access_token"]
    assert refusal(wire.call("PUT", "/user", bearer=token, json={"app_metadata": {"admin": True}})) == (
        403,
        "not_admin",
    )


@pytest.mark.parametrize(
    ("bearer", "answer"),
    [("", (401, "no_authorization")), ("nonsense", (403, "bad_jwt"))],
)
def test_an_account_is_shown_to_its_owner_only(wire: Wire, bearer: str, answer: tuple[int, str]) -> None:
    assert refusal(wire.call("GET", "/user", bearer=bearer)) == answer


def test_a_role_s_token_is_nobody_s_account(wire: Wire) -> None:
    assert refusal(wire.call("GET", "/user", bearer=wire.options.keys.role_token("anon"))) == (403, "bad_jwt")


def test_a_token_of_someone_who_is_not_there_is_refused(wire: Wire) -> None:
    token = wire.options.keys.user_token(uuid4())
    assert refusal(wire.call("GET", "/user", bearer=token)) == (403, "user_not_found")


def test_a_token_that_is_over_is_refused(wire: Wire) -> None:
    token = wire.options.keys.user_token(uuid4(), lives=-60)
    assert refusal(wire.call("GET", "/user", bearer=token)) == (403, "bad_jwt")


# Signing out


@pytest.mark.parametrize(
    ("scope", "ended"),
    [
        ("", ["here", "there"]),
        ("?scope=global", ["here", "there"]),
        ("?scope=local", ["here"]),
        ("?scope=others", ["there"]),
    ],
)
def test_signing_out_ends_the_sessions_that_are_meant(wire: Wire, scope: str, ended: list[str]) -> None:
    email = wire.add_person()["email"]
    sessions = {"here": wire.sign_in_by_password(email), "there": wire.sign_in_by_password(email)}
    answer = wire.call("POST", f"/logout{scope}", bearer=sessions["here"]["access_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    for place, session in sessions.items():
        shown = wire.call("GET", "/user", bearer=session["access_token"])
        renewed = wire.refresh(session["refresh_token"])
        if place in ended:
            assert refusal(shown) == (403, "session_not_found")
            assert refusal(renewed) == (400, "refresh_token_not_found")
        else:
            assert (shown.status_code, renewed.status_code) == (200, 200)


def test_a_session_ends_once(wire: Wire) -> None:
    token = wire.sign_in(somebody())["access_token"]
    assert wire.call("POST", "/logout", bearer=token).status_code == 204
    assert refusal(wire.call("POST", "/logout", bearer=token)) == (403, "session_not_found")


def test_an_unknown_scope_ends_nothing(wire: Wire) -> None:
    session = wire.sign_in(somebody())
    answer = wire.call("POST", "/logout?scope=some", bearer=session["access_token"])
    assert refusal(answer) == (400, "validation_failed")
    read(wire.refresh(session["refresh_token"]))


# Errors


def test_an_error_has_the_shape_of_the_version_asked_for(wire: Wire) -> None:
    body = {"email": somebody(), "password": "wrong"}
    new = wire.call("POST", "/token?grant_type=password", json=body)
    assert new.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}
    assert new.headers["X-Supabase-Api-Version"] == "2024-01-01"
    old = wire.call("POST", "/token?grant_type=password", json=body, versioned=False)
    assert old.json() == {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}
    assert "X-Supabase-Api-Version" not in old.headers
    assert new.headers["x-sb-error-code"] == old.headers["x-sb-error-code"] == "invalid_credentials"


@pytest.mark.parametrize("path", ["/otp", "/signup", "/verify", "/token?grant_type=password", "/magiclink"])
def test_what_is_no_json_is_refused(wire: Wire, path: str) -> None:
    assert refusal(wire.call("POST", path, data=b"{")) == (400, "bad_json")
    assert refusal(wire.call("POST", path, data=b'{"email": 1, "type": 1}')) == (400, "bad_json")


def test_an_unknown_grant_is_refused(wire: Wire) -> None:
    assert refusal(wire.post("/token?grant_type=wish")) == (400, "invalid_credentials")


def test_a_caller_s_address_is_counted_when_a_header_names_it(make_wire: MakeWire) -> None:
    wire = make_wire(rate_limit_header="X-Forwarded-For", verify_per_five_minutes=1)
    ann, ben = {"X-Forwarded-For": "192.0.2.1, 10.0.0.1"}, {"X-Forwarded-For": "192.0.2.2, 10.0.0.1"}

    def guess(headers: dict[str, str]) -> tuple[int, str]:
        return refusal(wire.call("POST", "/verify", json={"type": "email", "token_hash": "x"}, headers=headers))

    assert {guess(ann) for _ in range(30)} == {(403, "otp_expired")}
    assert guess(ann) == (429, "over_request_rate_limit")
    assert guess(ben) == guess({}) == (403, "otp_expired")


def test_it_says_what_it_is_and_offers(wire: Wire) -> None:
    assert read(wire.call("GET", "/health"))["name"] == "GoTrue"
    settings = read(wire.call("GET", "/settings"))
    assert (settings["external"]["email"], settings["external"]["google"]) == (True, True)
    assert (settings["disable_signup"], settings["mailer_autoconfirm"]) == (False, False)
