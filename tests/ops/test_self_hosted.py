"""The stack of docker-compose.yml, with exactly its environment: from a mailed link to a delivered message."""

import os
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt
import psycopg
import pytest
import requests

from tests.ops.gateway import find_caddy
from tests.ops.self_hosted import SelfHosted, run_self_hosted
from tests.system.device import Device
from tests.system.waiting import eventually

CADDY, GOTRUE = find_caddy() or "", os.environ.get("GOTRUE_BIN", "")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not CADDY or not GOTRUE, reason="needs caddy, and GOTRUE_BIN that names Supabase Auth's program"
    ),
]


@pytest.fixture(scope="module", params=["DATABASE_URL", "RPC"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SelfHosted]:
    chosen = {"ADMIN_EMAILS": "ann@example.org", "SIGNUP": "open"}
    if request.param == "RPC":
        chosen["DATABASE_URL"] = ""
    with run_self_hosted(tmp_path_factory.mktemp("stack"), CADDY, GOTRUE, **chosen) as running:
        yield running


def post(stack: SelfHosted, path: str, body: object, status: int, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(stack.public_url + path, json=body, headers=headers, timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def sign_in(stack: SelfHosted, email: str) -> dict[str, Any]:
    count = len(stack.mailbox.mails_to(email)) + 1
    post(stack, "/auth/login", {"email": email}, 202)
    token_hash = stack.mailbox.wait_for(email, count).query("token_hash")
    # Supabase Auth commits after it has sent: a mail can be read sooner than its link counts.
    eventually(lambda: knows(stack, token_hash), "the link")
    session: dict[str, Any] = post(stack, "/auth/confirm", {"token_hash": token_hash}, 200)
    return session


def knows(stack: SelfHosted, token_hash: str) -> bool:
    with psycopg.connect(stack.owner_url) as owner:
        found = owner.execute("select 1 from auth.one_time_tokens where token_hash = %s", [token_hash])
        return found.fetchone() is not None


def test_mails_lead_to_our_own_page_the_first_and_the_next(stack: SelfHosted) -> None:
    for count in (1, 2):
        sign_in(stack, "dan@example.org")
        mail = stack.mailbox.wait_for("dan@example.org", count)
        assert mail.subject == "Sign in to Pulse"
        assert mail.link.startswith(f"{stack.public_url}/auth/confirm?")
        assert len(mail.code) == 6
        page = requests.get(mail.link, timeout=30)
        assert page.status_code in (200, 410)
        assert urlsplit(page.url).netloc == urlsplit(stack.public_url).netloc


def test_a_message_goes_from_ann_to_ben_through_the_one_origin(stack: SelfHosted) -> None:
    ann, ben = sign_in(stack, "ann@example.org"), sign_in(stack, "ben@example.org")
    device = Device(stack.public_url, lambda: ben["access_token"], ("websocket",))
    device.connect()
    try:
        message = {"id": str(uuid.uuid4()), "to": "ben@example.org", "content": "Hello Ben"}
        sent = post(stack, "/chat/send", message, 201, ann["access_token"])
        assert device.wait_for("message.sent")["message"]["content"] == "Hello Ben"
    finally:
        device.close()
    answer = requests.get(
        f"{stack.public_url}/chat/history",
        params={"conversation_id": sent["conversation_id"]},
        headers={"Authorization": f"Bearer {ben['access_token']}"},
        timeout=30,
    )
    assert [item["content"] for item in answer.json()["messages"]] == ["Hello Ben"]


def test_access_tokens_are_signed_by_the_made_key_and_say_all_they_must(stack: SelfHosted) -> None:
    token = sign_in(stack, "ann@example.org")["access_token"]
    keys = jwt.PyJWKSet.from_dict(requests.get(f"{stack.public_url}/.well-known/jwks.json", timeout=30).json())
    claims = jwt.decode(
        token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["ES256"], audience="authenticated"
    )
    assert (claims["role"], claims["iss"]) == ("authenticated", f"{stack.public_url}/auth/v1")
    assert claims["exp"] - claims["iat"] == 600


def test_a_session_is_refreshed_and_signed_out(stack: SelfHosted) -> None:
    session = sign_in(stack, "ann@example.org")
    again = post(stack, "/auth/refresh", {"refresh_token": session["refresh_token"]}, 200)
    post(stack, "/auth/logout", {"scope": "local"}, 204, again["access_token"])
    post(stack, "/auth/refresh", {"refresh_token": again["refresh_token"]}, 401)


def test_a_link_of_the_project_itself_leads_nowhere(stack: SelfHosted) -> None:
    """Ours lead to auth, which counts how many somebody tries."""
    link = f"{stack.public_url}/auth/v1/verify?token=wrong&type=magiclink"
    assert requests.get(link, allow_redirects=False, timeout=30).status_code == 404


def test_the_project_cannot_be_asked_from_outside(stack: SelfHosted) -> None:
    key = stack.values["SUPABASE_SECRET_KEY"]
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    for path in ("/rest/v1/rpc/measure_outbox", "/auth/v1/admin/users", "/auth/v1/otp"):
        assert requests.post(stack.public_url + path, json={}, headers=headers, timeout=30).status_code == 404


def test_pages_are_told_one_origin(stack: SelfHosted) -> None:
    config = requests.get(f"{stack.public_url}/config.json", timeout=30).json()
    assert {config["auth_url"], config["chat_url"], config["websocket_url"]} == {stack.public_url}


def test_no_login_is_more_than_it_needs_to_be(stack: SelfHosted) -> None:
    with psycopg.connect(stack.owner_url) as owner:
        rows = owner.execute(
            "select rolname, rolsuper, rolbypassrls, rolinherit from pg_roles"
            " where rolcanlogin and rolname <> 'postgres'"
        ).fetchall()
    assert sorted(rows) == [
        ("authenticator", False, False, False),
        ("pulse_app", False, False, True),
        ("supabase_auth_admin", False, False, False),
    ]


def test_no_log_holds_a_secret(stack: SelfHosted) -> None:
    session = sign_in(stack, "ann@example.org")
    hidden = [session["refresh_token"], stack.mailbox.mails_to("ann@example.org")[-1].query("token_hash")]
    hidden += [stack.values[name] for name in stack.values if name.endswith(("SECRET", "PASSWORD", "TOKEN", "_KEY"))]
    for process in stack.processes.values():
        assert [secret for secret in hidden if secret and secret in process.log()] == []
