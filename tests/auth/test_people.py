"""People made, renamed and deleted: by themselves, by an admin, and by nobody else."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from services.auth.people import remove_left_accounts
from tests.auth.conftest import PAGES, MakeApp, Owner, parts_of
from tests.auth.providers import INDEPENDENT, OWN_TABLES, builtin_only
from tests.auth.test_logout import Websocket, revocations
from tests.auth.test_logout import websocket as websocket  # a fixture
from tests.auth.visitor import Visitor


@pytest.fixture
def ann(app: Flask) -> Visitor:
    return Visitor(app, "ann@example.org").sign_in()  # the first: an admin


@pytest.fixture
def ben(ann: Visitor) -> Visitor:
    return Visitor(ann.app, "ben@example.org").sign_in()


@pytest.fixture
def cho(ben: Visitor) -> Visitor:
    return Visitor(ben.app, "cho@example.org").sign_in()


def create(admin: Visitor, email: str, **more: Any) -> TestResponse:
    return admin.call("POST", "/users", json={"email": email, **more})


def put(visitor: Visitor, user: Visitor, **changes: Any) -> TestResponse:
    return visitor.call("PUT", f"/users/{user.user['id']}", json=changes)


def delete(visitor: Visitor, user: Visitor) -> TestResponse:
    return visitor.call("DELETE", f"/users/{user.user['id']}")


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def accounts(owner: Owner) -> list[object]:
    return [row[0] for row in owner("select email from builtin_auth.accounts order by email")]


# Making


def test_an_admin_makes_somebody_and_the_invitation_signs_them_in(make_app: MakeApp) -> None:
    app = make_app(SIGNUP="invited", ADMIN_EMAILS="ann@example.org")
    ann = Visitor(app, "ann@example.org").sign_in()
    dee = Visitor(app, "dee.light@example.org")
    assert dee.call("POST", "/auth/login", json={"email": dee.email}).status_code == 202
    assert dee.mails() == []  # not invited yet

    made = create(ann, "Dee.Light@Example.org")
    assert made.status_code == 201
    user = made.get_json()
    assert (user["name"], user["email"], user["role"]) == ("Dee Light", dee.email, "member")
    assert [one["name"] for one in ann.call("GET", "/users").get_json()["users"]] == ["Ann", "Dee Light"]

    [invitation] = dee.mails()
    dee.keep(dee.confirm(token_hash=invitation.token))
    assert dee.user["id"] == user["id"]
    named = create(ann, "eve@example.org", name="  Eve Ｏ’Neill ").get_json()
    assert named["name"] == "Eve Ｏ’Neill"
    assert create(ann, "eve@example.org").status_code == 409


def test_an_address_of_the_admins_becomes_one(make_app: MakeApp) -> None:
    app = make_app(ADMIN_EMAILS="ann@example.org,dee@example.org")
    ann = Visitor(app, "ann@example.org").sign_in()
    assert create(ann, "dee@example.org").get_json()["role"] == "admin"


@builtin_only(OWN_TABLES)
def test_only_admins_make_people(cho: Visitor, owner: Owner) -> None:
    assert said(create(cho, "dee@example.org")) == (403, "not_allowed")
    assert said(create(Visitor(cho.app, ""), "dee@example.org")) == (401, "not_authenticated")
    assert "dee@example.org" not in accounts(owner)


def test_an_address_that_is_known_is_refused_and_gets_no_mail(ann: Visitor, ben: Visitor) -> None:
    before = len(ben.mails())
    for spelling in (ben.email, "BEN@Example.org"):
        assert said(create(ann, spelling)) == (409, "email_taken")
    assert len(ben.mails()) == before


@builtin_only(OWN_TABLES)
def test_the_same_address_at_the_same_moment_makes_one_account(ann: Visitor, owner: Owner) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(ann, "dee@example.org"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert accounts(owner).count("dee@example.org") == 1
    assert len(Visitor(ann.app, "dee@example.org").mails()) == 1


@builtin_only(OWN_TABLES)
def test_a_creation_that_broke_in_the_middle_is_finished_by_a_repeat(ann: Visitor, owner: Owner) -> None:
    owner("alter table public.users add constraint nobody_new check (email <> 'dee@example.org')")
    assert create(ann, "dee@example.org").status_code == 500
    assert "dee@example.org" in accounts(owner)
    owner("alter table public.users drop constraint nobody_new")
    made = create(ann, "dee@example.org")
    assert made.status_code == 201
    assert Visitor(ann.app, "dee@example.org").sign_in().user["id"] == made.get_json()["id"]


@builtin_only(INDEPENDENT)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "nobody"},
        {"email": ""},
        {"email": None},
        {"email": ["dee@example.org"]},
        {"email": "dee@example.org", "name": ""},
        {"email": "dee@example.org", "name": 7},
        {"email": "dee@example.org", "name": "a\x00b"},
    ],
)
def test_nobody_is_made_of_nonsense(ann: Visitor, body: dict[str, Any]) -> None:
    assert said(ann.call("POST", "/users", json=body)) == (422, "malformed")


# Changing


def test_a_name_is_changed_by_its_owner_and_by_an_admin(ann: Visitor, ben: Visitor) -> None:
    changed = put(ben, ben, name=" Benjamin\u00a0B ")
    assert (changed.status_code, changed.get_json()["name"]) == (200, "Benjamin\u00a0B")
    assert changed.get_json()["email"] == ben.email
    assert put(ann, ben, name="Ben").get_json()["name"] == "Ben"
    assert put(ben, ben).get_json()["name"] == "Ben"
    assert put(ben, ben, avatar_url=None).get_json()["avatar_url"] is None
    assert ben.call("GET", "/auth/session").get_json()["user"]["name"] == "Ben"


def test_nobody_else_changes_a_name(ben: Visitor, cho: Visitor) -> None:
    assert said(put(cho, ben, name="Mallory")) == (403, "not_allowed")
    assert said(put(Visitor(ben.app, ""), ben, name="Mallory")) == (401, "not_authenticated")
    assert said(cho.call("PUT", f"/users/{uuid.uuid4()}", json={"name": "Mallory"})) == (404, "user_not_found")
    assert ben.call("GET", "/auth/session").get_json()["user"]["name"] == "Ben"


@builtin_only(INDEPENDENT)
@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "   "},
        {"name": None},
        {"name": "x" * 81},
        {"name": "a\nb"},
        {"name": "a\u2028b"},
        {"name": "a\x7fb"},
        {"name": "\u202egnp.exe"},
        {"name": "\u200b\u2060"},
        {"name": ["Ben"]},
        {"avatar_url": "https://elsewhere.example/ben.png"},
        {"avatar_url": 7},
    ],
    ids=str,
)
def test_nothing_changes_to_nonsense(newcomer: Visitor, changes: dict[str, Any]) -> None:
    newcomer.sign_in()
    refused = put(newcomer, newcomer, **changes)
    assert said(refused) == (422, "malformed")
    assert [problem["field"] for problem in refused.get_json()["fields"]] == list(changes)


@builtin_only(INDEPENDENT)
@pytest.mark.parametrize(
    "name", ["x" * 80, "Ⲋ" * 80, "😀" * 80, "李", "👩‍👩‍👧", "Zoë d’Été-Ñu"], ids=lambda name: ascii(name)[:12]
)
def test_a_name_may_be_any_that_people_have(newcomer: Visitor, name: str) -> None:
    newcomer.sign_in()
    assert put(newcomer, newcomer, name=name).get_json()["name"] == name


# Deleting


@builtin_only(OWN_TABLES)
def test_somebody_who_leaves_is_signed_out_everywhere_and_forgotten(ben: Visitor, cho: Visitor, owner: Owner) -> None:
    phone = Visitor(ben.app, ben.email).sign_in()
    assert delete(ben, ben).status_code == 204
    for device in (ben, phone):
        assert device.call("GET", "/auth/session").status_code == 401
        assert device.call("GET", "/users").status_code == 401
        assert device.refresh().status_code == 401
    seen = cho.call("GET", f"/users/{ben.user['id']}").get_json()
    assert (seen["name"], "email" in seen) == ("Deleted user", False)
    assert cho.call("GET", "/users", query_string={"query": ben.email}).get_json()["users"] == []
    assert revocations(cho)["revocations"][0]["user_id"] == ben.user["id"]
    for table in ("builtin_auth.accounts", "builtin_auth.links", "public.users"):
        assert owner(f"select count(*) from {table} where email = %s", ben.email) == [(0,)]
    assert owner("select count(*) from builtin_auth.inbox where recipient = %s", ben.email) == [(0,)]


def test_the_address_comes_back_as_somebody_new(ben: Visitor) -> None:
    left = ben.user["id"]
    old = Visitor(ben.app, ben.email)
    old.access_token, old.refresh_token = ben.access_token, ben.refresh_token
    assert delete(ben, ben).status_code == 204
    ben.access_token = ""
    assert ben.sign_in().user["id"] != left
    assert ben.call("GET", "/auth/session").status_code == 200
    assert old.call("GET", "/auth/session").status_code == 401
    assert old.refresh().status_code == 401


def test_a_link_mailed_before_the_deletion_opens_nothing(ann: Visitor, ben: Visitor) -> None:
    mail = Visitor(ben.app, ben.email).ask()
    assert delete(ann, ben).status_code == 204
    stranger = Visitor(ben.app, ben.email)
    assert said(stranger.confirm(token_hash=mail.token)) == (403, "link_expired")
    assert said(stranger.confirm(email=ben.email, code=mail.code)) == (403, "link_expired")


def test_an_admin_deletes_others_again_if_need_be_and_members_nobody(ann: Visitor, ben: Visitor, cho: Visitor) -> None:
    assert said(delete(cho, ben)) == (403, "not_allowed")
    assert said(delete(Visitor(ben.app, ""), ben)) == (401, "not_authenticated")
    assert said(cho.call("DELETE", f"/users/{uuid.uuid4()}")) == (404, "user_not_found")
    assert ben.call("GET", "/auth/session").status_code == 200
    for _ in range(2):
        assert delete(ann, ben).status_code == 204
    assert said(delete(cho, ben)) == (403, "not_allowed")
    assert said(put(ann, ben, name="Ben")) == (404, "user_not_found")
    assert ann.call("GET", f"/users/{ben.user['id']}").get_json()["email"] is None


def test_the_last_admin_stays_and_keeps_the_cookies(ann: Visitor) -> None:
    refused = delete(ann, ann)
    assert said(refused) == (409, "last_admin")
    assert refused.headers.getlist("Set-Cookie") == []
    assert ann.call("GET", "/auth/session").status_code == 200


def test_a_browser_that_leaves_loses_its_cookies_and_another_site_deletes_nobody(ben: Visitor) -> None:
    client = ben.app.test_client()
    client.set_cookie("pulse_access", ben.access_token)
    path = f"/users/{ben.user['id']}"
    for origin in ({}, {"Origin": "https://evil.example"}):
        assert said(client.delete(path, headers=origin)) == (403, "origin_not_allowed")
        assert said(client.put(path, json={"name": "x"}, headers=origin)) == (403, "origin_not_allowed")
        assert said(client.post("/users", json={"email": "x@y.org"}, headers=origin)) == (403, "origin_not_allowed")
    left = client.delete(path, headers={"Origin": PAGES})
    assert left.status_code == 204
    assert all("Max-Age=0" in cookie for cookie in left.headers.getlist("Set-Cookie"))
    assert len(left.headers.getlist("Set-Cookie")) == 2


def test_the_websocket_service_is_told_to_close_the_sockets(make_app: MakeApp, websocket: Websocket) -> None:
    app = make_app(WEBSOCKET_URL=f"http://127.0.0.1:{websocket.server_port}")
    Visitor(app, "ann@example.org").sign_in()
    ben = Visitor(app, "ben@example.org").sign_in()
    delete(ben, ben)
    parts_of(app).notices.close()
    assert [(path, body) for path, _, body in websocket.told] == [("/disconnect", {"user_id": ben.user["id"]})]


@builtin_only(OWN_TABLES)
def test_a_deletion_that_broke_in_the_middle_locks_out_at_once_and_is_finished_later(
    ann: Visitor, ben: Visitor, owner: Owner
) -> None:
    owner("revoke execute on function builtin_auth.delete_account from service_role")
    assert delete(ben, ben).status_code == 500
    assert ben.call("GET", "/auth/session").status_code == 401
    assert ben.refresh().status_code == 401
    again = Visitor(ben.app, ben.email)
    assert said(again.confirm(token_hash=again.ask().token)) == (401, "account_unknown")
    assert ben.email in accounts(owner)

    owner("grant execute on function builtin_auth.delete_account to service_role")
    parts = parts_of(ben.app)
    assert remove_left_accounts(parts.database, parts.provider) == 1
    assert remove_left_accounts(parts.database, parts.provider) == 0
    assert ben.email not in accounts(owner)
    assert again.sign_in().user["id"] != ben.user["id"]


@builtin_only(OWN_TABLES)
def test_an_address_whose_account_is_still_to_be_removed_can_be_made_anew(
    ann: Visitor, ben: Visitor, owner: Owner
) -> None:
    owner("revoke execute on function builtin_auth.delete_account from service_role")
    assert delete(ann, ben).status_code == 500
    owner("grant execute on function builtin_auth.delete_account to service_role")
    made = create(ann, ben.email)
    assert made.status_code == 201
    assert made.get_json()["id"] != ben.user["id"]
    assert remove_left_accounts(parts_of(ben.app).database, parts_of(ben.app).provider) == 0
    assert Visitor(ben.app, ben.email).sign_in().user["id"] == made.get_json()["id"]
