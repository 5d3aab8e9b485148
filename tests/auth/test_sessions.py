"""Refresh tokens are traded one for one; who keeps a spent one is found out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import jwt
import pytest
from flask import Flask

from tests.auth.conftest import SERVICE_TOKEN, LetPass, MakeApp, Owner
from tests.auth.providers import OWN_TABLES, OWN_TOKENS, Installation, builtin_only
from tests.auth.visitor import Visitor


def test_a_session_shows_who_and_until_when(newcomer: Visitor) -> None:
    newcomer.sign_in()
    answer = newcomer.call("GET", "/auth/session").get_json()
    assert answer["user"] == newcomer.user
    claims = jwt.decode(newcomer.access_token, options={"verify_signature": False})
    assert datetime.fromisoformat(answer["expires_at"]) == datetime.fromtimestamp(claims["exp"], UTC)


@builtin_only(OWN_TOKENS)
def test_an_access_token_says_what_the_contract_says(newcomer: Visitor) -> None:
    newcomer.sign_in()
    claims = jwt.decode(newcomer.access_token, options={"verify_signature": False})
    header = jwt.get_unverified_header(newcomer.access_token)
    key = next(
        k for k in newcomer.call("GET", "/.well-known/jwks.json").get_json()["keys"] if k["kid"] == header["kid"]
    )
    assert header["alg"] == "ES256"
    assert jwt.decode(newcomer.access_token, jwt.PyJWK(key), algorithms=["ES256"], audience="authenticated") == claims
    assert claims["sub"] == newcomer.user["id"]
    assert (claims["aud"], claims["role"], claims["iss"]) == ("authenticated", "authenticated", "http://localhost:5001")
    assert isinstance(claims["iat"], float)
    assert 590 < claims["exp"] - claims["iat"] <= 600
    assert set(claims) == {"iss", "sub", "aud", "role", "session_id", "iat", "exp"}


def test_a_refresh_gives_new_tokens_of_the_same_session(newcomer: Visitor) -> None:
    newcomer.sign_in()
    before = jwt.decode(newcomer.access_token, options={"verify_signature": False})
    spent = newcomer.refresh_token
    newcomer.keep(newcomer.refresh())
    after = jwt.decode(newcomer.access_token, options={"verify_signature": False})
    assert (after["session_id"], after["sub"]) == (before["session_id"], before["sub"])
    assert newcomer.refresh_token != spent
    assert newcomer.call("GET", "/auth/session").status_code == 200


def test_two_tabs_that_refresh_at_once_both_go_on(newcomer: Visitor) -> None:
    newcomer.sign_in()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: newcomer.refresh(), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    successors = [answer.get_json()["refresh_token"] for answer in answers]
    assert [newcomer.refresh(token).status_code for token in successors[:2]] == [200, 200]


def test_a_spent_token_counts_while_its_successor_is_unused(ann: Visitor, let_pass: LetPass) -> None:
    ann.sign_in()
    spent = ann.refresh_token
    ann.refresh()  # its answer is lost
    let_pass(11)
    again = ann.refresh(spent)
    assert again.status_code == 200
    assert ann.refresh(again.get_json()["refresh_token"]).status_code == 200


def test_a_spent_token_counts_for_ten_seconds_also_when_its_successor_was_used(newcomer: Visitor) -> None:
    newcomer.sign_in()
    spent = newcomer.refresh_token
    newcomer.keep(newcomer.refresh())
    newcomer.keep(newcomer.refresh())
    assert newcomer.refresh(spent).status_code == 200


def test_later_reuse_ends_the_whole_family_at_once(ann: Visitor, let_pass: LetPass) -> None:
    ann.sign_in()
    stolen = ann.refresh_token
    ann.keep(ann.refresh())
    ann.keep(ann.refresh())
    let_pass(11)
    refused = ann.refresh(stolen)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "session_over")
    assert ann.refresh().status_code == 401
    session = ann.call("GET", "/auth/session")
    assert (session.status_code, session.get_json()["reason"]) == (401, "signed_out")
    rows = ann.call("GET", "/revocations", headers={"Authorization": f"Bearer {SERVICE_TOKEN}"}).get_json()
    claims = jwt.decode(ann.access_token, options={"verify_signature": False})
    assert [row["session_id"] for row in rows["revocations"]] == [claims["session_id"]]


def test_reuse_ends_one_session_and_not_the_persons_others(ann: Visitor, let_pass: LetPass) -> None:
    phone = Visitor(ann.app, ann.email).sign_in()
    ann.sign_in()
    stolen = ann.refresh_token
    ann.keep(ann.refresh())
    ann.keep(ann.refresh())
    let_pass(11)
    assert ann.refresh(stolen).status_code == 401
    assert phone.refresh().status_code == 200
    assert phone.call("GET", "/auth/session").status_code == 200


@pytest.mark.parametrize(("column", "over"), [("idle_until", True), ("expires_at", True), ("opened_at", False)])
def test_a_session_ends_when_it_is_idle_or_old(
    ann: Visitor, owner: Owner, installation: Installation, column: str, over: bool
) -> None:
    ann.sign_in()
    moved = installation.opened_at if column == "opened_at" else column
    owner(f"update {installation.sessions} set {moved} = clock_timestamp() - interval '1 second'")
    answer = ann.refresh()
    assert answer.status_code == (401 if over else 200)


def test_a_refresh_prolongs_what_is_idle_but_not_the_whole(
    ann: Visitor, owner: Owner, installation: Installation
) -> None:
    ann.sign_in()
    table = installation.sessions
    owner(f"update {table} set idle_until = clock_timestamp() + interval '1 minute'")
    before = owner(f"select expires_at from {table}")
    assert ann.refresh().status_code == 200
    assert owner(f"select idle_until > clock_timestamp() + interval '29 days' from {table}") == [(True,)]
    assert owner(f"select expires_at from {table}") == before


def test_an_unknown_token_is_refused_and_none_is_not_signed_in(newcomer: Visitor) -> None:
    assert newcomer.refresh("made-up").get_json()["code"] == "session_over"
    nothing = newcomer.call("POST", "/auth/refresh")
    assert (nothing.status_code, nothing.get_json()["code"]) == (401, "not_authenticated")


def test_a_person_who_was_deleted_is_account_unknown(ann: Visitor, owner: Owner) -> None:
    ann.sign_in()
    owner("update public.users set deleted_at = clock_timestamp(), email = null")
    for answer in (ann.call("GET", "/auth/session"), ann.call("GET", "/users"), ann.refresh()):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "account_unknown")


def test_tokens_that_are_not_ours_are_refused(newcomer: Visitor) -> None:
    newcomer.sign_in()
    head, body, signature = newcomer.access_token.split(".")
    claims = jwt.decode(newcomer.access_token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(newcomer.access_token)["kid"]
    forged = [
        f"{head}.{body}.{signature[:-4]}AAAA",
        jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": kid}),
        "",
        "x",
        "a.b.c",
    ]
    for token in forged:
        answer = newcomer.call("GET", "/auth/session", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "not_authenticated")


def test_several_processes_share_keys_and_sessions(make_app: MakeApp) -> None:
    apps = [make_app() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        keys = list(pool.map(lambda app: Visitor(app, "").call("GET", "/.well-known/jwks.json").get_json(), apps))
    assert keys[0] == keys[1] == keys[2]
    ann = Visitor(apps[0], "ann@example.org").sign_in()
    other = Visitor(apps[1], ann.email)
    other.access_token = ann.access_token
    assert other.call("GET", "/auth/session").status_code == 200
    assert Visitor(apps[2], "").refresh(ann.refresh_token).status_code == 200
    assert ann.call("POST", "/auth/logout", json={}).status_code == 204
    assert other.call("GET", "/auth/session").status_code == 401


@builtin_only(OWN_TOKENS)
def test_access_tokens_can_be_made_shorter(make_app: MakeApp) -> None:
    ann = Visitor(make_app(ACCESS_TOKEN_SECONDS="10"), "ann@example.org").sign_in()
    claims = jwt.decode(ann.access_token, options={"verify_signature": False})
    assert 9 < claims["exp"] - claims["iat"] <= 10


@builtin_only(OWN_TABLES)
def test_keys_show_no_private_part_and_may_be_kept_a_while(app: Flask, owner: Owner) -> None:
    answer = app.test_client().get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    [key] = answer.get_json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert "PRIVATE" not in str(owner("select * from builtin_auth.signing_keys"))
