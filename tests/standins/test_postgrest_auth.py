"""The PostgREST stand-in against its documentation: who asks.

Pages are docs.postgrest.org/en/latest/references/<page>; the statements are our own.
"""

from __future__ import annotations

import time

import pytest

from tests.signing import Signer
from tests.standins.documented import KEYS, USER, MakeServer, Server, seen

# references/auth


def test_without_a_token_one_is_anonymous(server: Server) -> None:
    assert server.call("who", token=None).get_json() == "anon"
    assert server.call("who", token=KEYS.sign({"sub": "ann"})).get_json() == "anon"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_s_role_is_taken_on(server: Server, scheme: str) -> None:
    for token, role in ((USER, "authenticated"), (KEYS.role_token("service_role"), "service_role")):
        assert server.call("who", headers={"Authorization": f"{scheme} {token}"}).get_json() == role


def test_where_nobody_may_be_anonymous_a_token_is_needed(make_server: MakeServer) -> None:
    closed = make_server(anon_role=None)
    assert closed.call("who").get_json() == "authenticated"
    assert closed.code("who", token=None) == (401, "PGRST302")


def test_a_token_must_be_signed_by_a_key_of_the_project(server: Server) -> None:
    claims = {"role": "service_role"}
    stranger, unknown = Signer(KEYS.signer.kid), Signer("another")
    unsigned = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."
    for token in (stranger.sign(claims), unknown.sign(claims), unsigned, "sb_secret_opaque", "a.b.c", USER + "x"):
        answer = server.call("who", token=token)
        assert seen(answer) == (401, "PGRST301"), token
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(("claim", "fits", "fails"), [("exp", -20, -40), ("nbf", 20, 40), ("iat", 20, 40)])
def test_a_token_s_times_are_checked_with_thirty_seconds_of_grace(
    server: Server, claim: str, fits: int, fails: int
) -> None:
    now = int(time.time())
    assert server.call("who", token=KEYS.sign({claim: now + fits, "role": "authenticated"})).status_code == 200
    assert server.code("who", token=KEYS.sign({claim: now + fails, "role": "authenticated"})) == (401, "PGRST303")
    assert server.code("who", token=KEYS.sign({claim: "soon", "role": "authenticated"})) == (401, "PGRST303")


def test_a_role_that_was_not_granted_is_refused(server: Server) -> None:
    assert server.code("who", token=KEYS.sign({"role": "postgres"})) == (403, "42501")
    assert server.code("who", token=KEYS.sign({"role": "nobody_there"})) == (401, "22023")
