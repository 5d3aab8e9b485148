"""Who becomes an admin and a member again, by whom, and what that ends."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.auth.conftest import MakeApp, parts_of
from tests.auth.providers import INDEPENDENT, builtin_only
from tests.auth.test_logout import Websocket, revocations
from tests.auth.test_logout import websocket as websocket  # a fixture
from tests.auth.test_people import ann as ann  # fixtures
from tests.auth.test_people import ben as ben
from tests.auth.test_people import cho as cho
from tests.auth.test_people import create, delete, put, said
from tests.auth.visitor import Visitor


def test_an_admin_makes_admins_and_members_again(ann: Visitor, ben: Visitor, cho: Visitor) -> None:
    made = put(ann, ben, role="admin")
    assert (made.status_code, made.get_json()["role"]) == (200, "admin")
    assert ben.call("GET", "/auth/session").get_json()["user"]["role"] == "admin"  # by the token that he had
    assert create(ben, "dee@example.org").status_code == 201
    both = put(ben, ann, role="member", name="Ann L").get_json()
    assert (both["role"], both["name"]) == ("member", "Ann L")
    again = put(ben, cho, role="member").get_json()
    assert (again["role"], again["email"]) == ("member", cho.email)
    assert said(put(ann.keep(ann.refresh()), ben, role="member")) == (403, "not_allowed")


def test_members_give_no_roles_not_even_to_themselves(ann: Visitor, ben: Visitor, cho: Visitor) -> None:
    for target in (ben, cho, ann):
        for role in ("admin", "member"):
            assert said(put(cho, target, role=role)) == (403, "not_allowed")
    assert said(put(Visitor(ann.app, ""), ben, role="admin")) == (401, "not_authenticated")
    assert said(ann.call("PUT", f"/users/{uuid.uuid4()}", json={"role": "admin"})) == (404, "user_not_found")
    assert put(cho, cho, name="Cho P").status_code == 200
    assert ann.call("GET", f"/users/{ben.user['id']}").get_json()["role"] == "member"


def test_a_member_who_asks_for_a_role_beside_a_name_gets_neither(ann: Visitor, ben: Visitor) -> None:
    assert said(put(ben, ben, name="Admin Ben", role="admin")) == (403, "not_allowed")
    assert ann.call("GET", f"/users/{ben.user['id']}").get_json()["name"] == "Ben"


def test_whoever_loses_a_role_loses_tokens_and_sockets_and_not_the_session(
    make_app: MakeApp, websocket: Websocket
) -> None:
    app = make_app(WEBSOCKET_URL=f"http://127.0.0.1:{websocket.server_port}")
    ann = Visitor(app, "ann@example.org").sign_in()
    ben = Visitor(app, "ben@example.org").sign_in()
    assert put(ann, ben, role="admin").status_code == 200
    assert revocations(ann)["revocations"] == []
    assert put(ann, ben, role="member").status_code == 200
    deadline = time.monotonic() + 30
    while ben.call("GET", "/users").status_code == 200:  # Supabase Auth says in whole seconds when a token was issued
        assert time.monotonic() < deadline
        time.sleep(0.2)
        for role in ("admin", "member"):
            assert put(ann, ben, role=role).status_code == 200
    assert {row["user_id"] for row in revocations(ann)["revocations"]} == {ben.user["id"]}
    assert said(create(ben.keep(ben.refresh()), "dee@example.org")) == (403, "not_allowed")
    assert ben.call("GET", "/auth/session").get_json()["user"]["role"] == "member"
    parts_of(app).notices.close()
    told = [(path, body) for path, _, body in websocket.told]
    assert told
    assert all(one == ("/disconnect", {"user_id": ben.user["id"]}) for one in told)


def test_the_last_admin_stays_one(ann: Visitor, ben: Visitor) -> None:
    assert said(put(ann, ann, role="member")) == (409, "last_admin")
    assert put(ann, ben, role="admin").status_code == 200
    assert put(ann, ann, role="member").status_code == 200
    assert said(put(ben, ben, role="member")) == (409, "last_admin")
    assert said(delete(ben, ben)) == (409, "last_admin")


def test_whom_the_settings_name_stays_an_admin_and_others_do_not(make_app: MakeApp) -> None:
    app = make_app(ADMIN_EMAILS="ann@example.org,ben@example.org", SIGNUP="open")
    ann, ben, cho = (Visitor(app, f"{name}@example.org").sign_in() for name in ("ann", "ben", "cho"))
    assert said(put(cho, ben, role="member")) == (403, "not_allowed")
    for named in (ben, ann):
        assert said(put(ann, named, role="member")) == (409, "named_admin")
    assert ben.call("GET", "/auth/session").get_json()["user"]["role"] == "admin"
    assert put(ann, cho, role="admin").status_code == 200
    assert put(ann, cho, role="member").get_json()["role"] == "member"
    taken_out = make_app(ADMIN_EMAILS="ann@example.org", SIGNUP="open")
    by_then = ann.call("GET", "/auth/session").get_json()["user"]
    assert by_then["role"] == "admin"
    ann.app = taken_out
    assert put(ann, ben, role="member").get_json()["role"] == "member"
    assert Visitor(taken_out, ben.email).sign_in().user["role"] == "member"


@builtin_only(INDEPENDENT)
def test_of_two_admins_who_demote_each_other_at_the_same_moment_one_stays(ann: Visitor, ben: Visitor) -> None:
    for _ in range(5):
        put(ann, ben, role="admin")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: put(*pair, role="member").status_code, [(ann, ben), (ben, ann)]))
        assert sorted(answers) in ([200, 401], [200, 403])
        for one in (ann, ben):
            one.keep(one.refresh())
        if ann.user["role"] != "admin":
            ann, ben = ben, ann
        assert (ann.user["role"], ben.user["role"]) == ("admin", "member")


@builtin_only(INDEPENDENT)
@pytest.mark.parametrize("role", ["owner", "", None, 7, "Admin"], ids=str)
def test_there_are_no_other_roles(newcomer: Visitor, role: object) -> None:
    newcomer.sign_in()
    assert said(put(newcomer, newcomer, role=role)) == (422, "malformed")
