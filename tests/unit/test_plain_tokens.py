"""The short way to verify a token: it takes what PyJWT takes, or leaves it to PyJWT."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import NotAuthenticated
from shared.plain_tokens import PlainTokens
from shared.tokens import TokenVerifier
from tests.signing import Signer

ANN, BEN = uuid4(), uuid4()
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def teach(signer: Signer, token: str) -> PlainTokens:
    plain = PlainTokens("authenticated")
    plain.learn(token, jwt.get_unverified_header(token), jwt.PyJWK(signer.jwk))
    return plain


def learned(signer: Signer) -> PlainTokens:
    return teach(signer, signer.token(ANN))


def test_a_token_whose_header_is_known_is_read_as_pyjwt_reads_it() -> None:
    signer = Signer()
    token = signer.token(BEN, user_metadata={"name": "bén"}, iss="https://auth.example", iat=7.25)
    theirs = jwt.decode(token, jwt.PyJWK(signer.jwk), algorithms=["ES256"], audience="authenticated")
    assert learned(signer).read(token) == theirs


def test_a_header_that_is_not_known_is_left_to_others() -> None:
    signer = Signer()
    assert PlainTokens("authenticated").read(signer.token(ANN)) is None
    assert learned(signer).read(Signer("key-2").token(ANN)) is None


def test_a_header_that_says_more_is_not_learned() -> None:
    signer = Signer()
    key = ec.generate_private_key(ec.SECP256R1())
    token = jwt.encode({"sub": "x"}, key, algorithm="ES256", headers={"kid": signer.kid, "crit": ["b64"]})
    plain = PlainTokens("authenticated")
    plain.learn(token, {"alg": "ES256", "kid": signer.kid, "crit": ["b64"]}, jwt.PyJWK(signer.jwk))
    assert plain.read(token) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["authenticated"]},
        {"aud": "anon"},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"session_id": None},
        {"session_id": 7},
        {"exp": None},
        {"nbf": 1},
        {"jti": "x"},
        {"exp": float("nan")},
    ],
    ids=repr,
)
def test_unusual_claims_are_left_to_others(changed: dict[str, Any]) -> None:
    signer = Signer()
    assert learned(signer).read(signer.token(ANN, **changed)) is None


def test_a_list_of_claims_is_left_to_others() -> None:
    signer = Signer()
    header, _, _ = signer.token(ANN).partition(".")
    signed = jwt.PyJWS().encode(b"[1]", signer.private_key, algorithm="ES256", headers={"kid": signer.kid})
    assert signed.startswith(header + ".")
    assert learned(signer).read(signed) is None


def test_a_signature_that_does_not_fit_is_refused() -> None:
    signer = Signer()
    anns, bens = signer.token(ANN), signer.token(BEN)
    head, claims, signature = anns.split(".")
    for forged in (
        Signer().token(ANN),  # the same header, another key
        f"{head}.{bens.split('.')[1]}.{signature}",
        f"{head}.{claims}.{'A' * 86}",
    ):
        with pytest.raises(jwt.InvalidSignatureError):
            learned(signer).read(forged)


def test_only_one_way_to_write_a_token_is_taken() -> None:
    signer = Signer()
    token = signer.token(ANN)
    sibling = BASE64URL[BASE64URL.index(token[-1]) + 1]  # differs in bits that decoders ignore
    for odd in (token[:-1] + sibling, token + "==", token + "\n", token + "A", token[:-1], token.replace(".", "..", 1)):
        assert learned(signer).read(odd) is None
        verifier = TokenVerifier(lambda: [signer.jwk])
        verifier.verify(token)
        if not odd.endswith("=="):  # those PyJWT allows
            with pytest.raises(NotAuthenticated):
                verifier.verify(odd)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "anon"},
        {"aud": None},
        {"sub": None},
        {"sub": "somebody"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": time.time() - 1},
        {"session_id": None},
        {"role": None},
        {"role": "service_role"},
        {"nbf": time.time() + 86_400},  # of when tests are collected, long before this one runs
        {"jti": 7},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_who_would_be_refused_at_first_is_refused_when_the_header_is_known_too(changed: dict[str, Any]) -> None:
    signer = Signer()
    verifier = TokenVerifier(lambda: [signer.jwk])
    assert verifier.verify(signer.token(ANN)).user_id == ANN
    with pytest.raises(NotAuthenticated):
        verifier.verify(signer.token(ANN, **changed))
    assert verifier.verify(signer.token(BEN)).user_id == BEN


def test_a_key_that_was_replaced_under_its_name_verifies_nothing_more() -> None:
    old, new, now = Signer(), Signer(), [time.time()]
    keys = [old]
    verifier = TokenVerifier(lambda: [signer.jwk for signer in keys], clock=lambda: now[0])
    assert verifier.verify(old.token(ANN)).user_id == ANN
    keys[:] = [new, Signer("key-2")]
    now[0] += 11
    verifier.verify(keys[1].token(ANN))  # an unknown name: the keys are fetched anew
    with pytest.raises(NotAuthenticated):
        verifier.verify(old.token(ANN))
    assert verifier.verify(new.token(ANN)).user_id == ANN
