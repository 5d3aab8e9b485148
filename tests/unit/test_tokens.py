"""Access tokens: who is let in, and who is not."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from shared.caller import ACCESS_COOKIE, Caller, Identity
from shared.errors import NotAuthenticated, OriginNotAllowed, Unavailable
from shared.revocations import Revocation
from shared.tokens import Revocations, TokenVerifier
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


SECRET = "a-legacy-secret-of-thirty-two-characters"


def claims_of(user: UUID, **changed: Any) -> dict[str, Any]:
    made = {"sub": str(user), "session_id": "s", "aud": "authenticated", "role": "authenticated"}
    return {**made, "exp": time.time() + 60, **changed}


def test_a_projects_legacy_secret_verifies_where_it_is_configured_and_nowhere_else() -> None:
    signer = Signer()
    token = jwt.encode(claims_of(ANN), SECRET, algorithm="HS256")
    assert TokenVerifier(Keys(), shared_secret=SECRET).verify(token).user_id == ANN
    for verifier in (TokenVerifier(Keys(signer)), TokenVerifier(Keys(signer), shared_secret=SECRET[::-1])):
        with pytest.raises(NotAuthenticated):
            verifier.verify(token)


def test_the_keys_of_a_project_are_no_users() -> None:
    """Legacy API keys are tokens signed with the same secret: {"role": "anon"}, without sub and aud."""
    verifier = TokenVerifier(Keys(), shared_secret=SECRET)
    for claims in (
        {"role": "anon", "iss": "supabase", "exp": time.time() + 60},
        {"role": "service_role", "iss": "supabase", "exp": time.time() + 60},
        claims_of(ANN, role="service_role"),
        claims_of(ANN, role="anon"),
        claims_of(ANN, aud="anon"),
    ):
        with pytest.raises(NotAuthenticated):
            verifier.verify(jwt.encode(claims, SECRET, algorithm="HS256"))


def encode(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_public_key_is_no_secret() -> None:
    signer = Signer()
    verifier = TokenVerifier(Keys(signer), shared_secret=SECRET)
    head, body = (encode(part) for part in ({"alg": "HS256", "kid": signer.kid}, claims_of(ANN)))
    # By hand: PyJWT does not sign with what looks like a key.
    mac = hmac.digest(json.dumps(signer.jwk).encode(), f"{head}.{body}".encode(), "sha256")
    forged = f"{head}.{body}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(NotAuthenticated):
        verifier.verify(forged)
    assert verifier.verify(signer.token(ANN)).user_id == ANN


def test_a_project_may_move_from_its_secret_to_keys_while_people_are_signed_in() -> None:
    signer, now = Signer(), [time.time()]
    keys = Keys()
    verifier = TokenVerifier(keys, shared_secret=SECRET, clock=lambda: now[0])
    verifier.check_keys()  # that there are none is known
    with pytest.raises(NotAuthenticated):
        verifier.verify(signer.token(ANN))
    keys.signers.append(signer)
    now[0] += 11
    assert verifier.verify(signer.token(ANN)).user_id == ANN
    assert verifier.verify(jwt.encode(claims_of(ANN), SECRET, algorithm="HS256")).user_id == ANN


def test_keys_of_other_kinds_do_no_harm() -> None:
    signer = Signer()
    others = [{"kid": "rsa", "kty": "RSA", "n": "x", "e": "AQAB"}, {"kid": "new", "kty": "something new"}]
    verifier = TokenVerifier(lambda: [*others, signer.jwk])
    assert verifier.verify(signer.token(ANN)).user_id == ANN


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
        {"role": None},
        {"role": "service_role"},
        {"role": "anon"},
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
    claims = claims_of(ANN)
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


def test_without_waiting_a_token_is_verified_where_its_key_is_known_and_it_still_expires_and_ends() -> None:
    signer, now = Signer(), [time.time()]
    keys, ended = Keys(signer), Ended()
    verifier = TokenVerifier(keys, ended, clock=lambda: now[0])
    token = signer.token(ANN)
    with pytest.raises(NotAuthenticated):
        verifier.verify_at_once(token)
    assert keys.fetched == 0
    verifier.check_keys()
    assert verifier.verify_at_once(token).user_id == ANN
    for other in (Signer().token(ANN), Signer("new").token(ANN), signer.token(ANN, role="anon"), "x"):
        with pytest.raises(NotAuthenticated):
            verifier.verify_at_once(other)
    assert keys.fetched == 1
    ended.all = True
    with pytest.raises(NotAuthenticated, match="ended"):
        verifier.verify_at_once(token)
    ended.all = False
    now[0] += 700
    with pytest.raises(NotAuthenticated, match="expired"):
        verifier.verify_at_once(token)


class Ended(Revocations):
    all = False

    def check(self, caller: Caller) -> None:
        if self.all and caller.user_id == ANN:
            raise NotAuthenticated("This session has ended.", reason="signed_out")


def test_what_a_key_verified_while_it_was_withdrawn_is_not_trusted_later() -> None:
    old, new, now = Signer("old"), Signer("new"), [time.time()]
    keys = Keys(old)
    verifier = TokenVerifier(keys, clock=lambda: now[0])
    verifier.check_keys()
    token, another = old.token(ANN), old.token(ANN, session_id="another")

    def find_and_withdraw(kid: str) -> jwt.PyJWK | None:
        """As when another thread exchanges the keys while this one verifies."""
        found = verifier._keys.get(kid)
        keys.signers = [new]
        now[0] += 11
        verifier._refetch()
        return found

    assert verifier._decode(token, find_and_withdraw).user_id == ANN
    assert keys.fetched == 2
    for one in (token, another):
        with pytest.raises(NotAuthenticated):
            verifier.verify(one)
    assert verifier.verify(new.token(ANN)).user_id == ANN
