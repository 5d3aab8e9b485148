"""Access tokens: who is let in, and who is not."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest

from shared.caller import ACCESS_COOKIE, Identity
from shared.errors import NotAuthenticated, OriginNotAllowed, Unavailable
from shared.revocations import Revocation
from shared.tokens import TokenVerifier
from tests.signing import Signer

ANN = uuid4()


class Keys:
    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.fetched = 0
        self.down = False

    def __call__(self) -> list[dict[str, Any]]:
        self.fetched += 1
        if self.down:
            raise Unavailable()
        return [signer.jwk for signer in self.signers]


def test_a_valid_token_names_its_owner_and_is_decoded_once() -> None:
    signer = Signer()
    keys = Keys(signer)
    verifier = TokenVerifier(keys)
    token = signer.token(ANN)
    assert verifier.verify(token).user_id == ANN
    assert verifier.verify(token) is verifier.verify(token)
    assert keys.fetched == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "anon"},
        {"aud": None},
        {"sub": None},
        {"sub": "somebody"},
        {"exp": None},
        {"session_id": None},
        {"exp": time.time() - 1},
    ],
)
def test_a_token_that_lacks_something_is_refused(changed: dict[str, Any]) -> None:
    signer = Signer()
    with pytest.raises(NotAuthenticated):
        TokenVerifier(Keys(signer)).verify(signer.token(ANN, **changed))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.è.ê", "." * 5000])
def test_garbage_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        TokenVerifier(Keys(Signer())).verify(token)


def test_another_key_algorithm_or_none_is_refused() -> None:
    signer = Signer()
    claims = {"sub": str(ANN), "session_id": "s", "aud": "authenticated", "exp": time.time() + 60}
    for token in (
        Signer().token(ANN),  # same kid, another key
        jwt.encode(claims, "secret-of-thirty-two-characters!!", algorithm="HS256", headers={"kid": "key-1"}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": "key-1"}),
    ):
        with pytest.raises(NotAuthenticated):
            TokenVerifier(Keys(signer)).verify(token)


def test_a_remembered_token_still_expires() -> None:
    signer, now = Signer(), [time.time()]
    verifier = TokenVerifier(Keys(signer), clock=lambda: now[0])
    token = signer.token(ANN, lives=60)
    verifier.verify(token)
    now[0] += 61
    with pytest.raises(NotAuthenticated):
        verifier.verify(token)


def test_an_unknown_key_is_looked_for_at_most_each_ten_seconds() -> None:
    old, new, now = Signer("old"), Signer("new"), [time.time()]
    keys = Keys(old)
    verifier = TokenVerifier(keys, clock=lambda: now[0])
    verifier.verify(old.token(ANN))
    keys.signers.append(new)
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            verifier.verify(new.token(ANN))
    assert keys.fetched == 1
    now[0] += 11
    assert verifier.verify(new.token(ANN)).user_id == ANN
    assert keys.fetched == 2


def test_without_any_keys_the_answer_is_unavailable_not_refused() -> None:
    signer = Signer()
    keys = Keys(signer)
    keys.down = True
    now = [time.time()]
    verifier = TokenVerifier(keys, clock=lambda: now[0])
    for _ in range(3):  # asking auth once is enough for all who come at the same moment
        with pytest.raises(Unavailable):
            verifier.verify(signer.token(ANN))
    assert keys.fetched == 1
    keys.down = False
    now[0] += 1
    assert verifier.verify(signer.token(ANN)).user_id == ANN


def test_known_keys_outlive_auth_being_away() -> None:
    signer = Signer()
    keys = Keys(signer)
    verifier = TokenVerifier(keys)
    verifier.verify(signer.token(ANN))
    keys.down = True
    assert verifier.verify(signer.token(ANN)).user_id == ANN


def test_a_revocation_ends_what_was_issued_before_it_and_nothing_after() -> None:
    signer = Signer()
    verifier = TokenVerifier(Keys(signer))
    before, after = verifier.verify(signer.token(ANN, iat=100.0)), verifier.verify(signer.token(ANN, iat=200.5))
    other = verifier.verify(signer.token(uuid4(), iat=100.0))
    of_user = Revocation(session_id=None, user_id=str(ANN), not_before=200.0, expires_at=900.0)
    of_session = Revocation(session_id=before.session_id, user_id=None, not_before=200.0, expires_at=900.0)
    for row in (of_user, of_session):
        assert [row.ends(caller) for caller in (before, after, other)] == [True, False, False]


def test_cookies_count_on_unsafe_methods_only_with_an_allowed_origin() -> None:
    signer = Signer()
    identity = Identity(TokenVerifier(Keys(signer)), ("http://localhost:3000",), "s" * 32)
    cookies = {ACCESS_COOKIE: signer.token(ANN)}
    assert identity.identify({}, cookies, unsafe=False).user_id == ANN
    assert identity.identify({"Origin": "http://localhost:3000"}, cookies, unsafe=True).user_id == ANN
    for headers in ({}, {"Origin": "null"}, {"Origin": "http://localhost:3001"}, {"Origin": "http://localhost:3000/"}):
        with pytest.raises(OriginNotAllowed):
            identity.identify(headers, cookies, unsafe=True)
    bearer = {"Authorization": f"Bearer {signer.token(ANN)}", "Origin": "http://elsewhere"}
    assert identity.identify(bearer, {}, unsafe=True).user_id == ANN


def test_a_service_is_known_by_its_token_alone() -> None:
    identity = Identity(TokenVerifier(Keys(Signer())), (), "s" * 32)
    assert identity.is_service({"Authorization": "Bearer " + "s" * 32})
    for value in ("", "Bearer", "Bearer ", "Bearer " + "s" * 31, "Basic " + "s" * 32, "Bearer é"):
        assert not identity.is_service({"Authorization": value})
