"""What somebody asked for, sealed into the address that the mailed link leads back to: nothing to store.

``redirect_to`` for GoTrue is AUTH_PUBLIC_URL/auth/callback?request=<sealed>. The confirm page reads from it whose link
it is, the callback which verifier belongs to it. Only this installation can make one, or look into it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken

from services.auth.seals import derive

LINK_SECONDS = 86_400  # GoTrue's longest: how long its links live is its own setting

Kind = Literal["link", "signup", "google", "recovery"]


@dataclass(frozen=True)
class Request:
    """``email`` is None for Google, which says it later; ``redirect_to`` is an address of our pages.

    ``asked_by`` knows the browser that asked again, by its challenge.
    """

    id: str
    kind: Kind
    email: str | None
    requested_by: str | None
    redirect_to: str
    asked_by: str | None = None

    @classmethod
    def new(
        cls, kind: Kind, email: str | None, requested_by: str | None, redirect_to: str, secret: str | None = None
    ) -> Request:
        """``secret`` is that of the asker, if it is to be known again."""
        own_id = str(uuid4())
        return cls(own_id, kind, email, requested_by, redirect_to, challenge(secret, own_id) if secret else None)

    def is_asked_by(self, secret: str) -> bool:
        return self.asked_by is not None and hmac.compare_digest(challenge(secret, self.id), self.asked_by)


@dataclass(frozen=True)
class Opened:
    request: Request
    asked_at: int
    """Unix seconds."""


class Requests:
    def __init__(self, secret: str, callback_url: str) -> None:
        self._callback_url = callback_url
        self._box = Fernet(base64.urlsafe_b64encode(derive(secret, b"pulse requests to sign in")))
        self._marks = derive(secret, b"pulse marks of accounts")

    def address(self, request: Request) -> str:
        """The ``redirect_to`` for GoTrue."""
        sealed = self._box.encrypt(json.dumps(asdict(request)).encode()).decode()
        return f"{self._callback_url}?{urlencode({'request': sealed})}"

    def open(self, sealed: str) -> Opened | None:
        """None for what is forged, of another secret, or older than any link."""
        try:
            text = self._box.decrypt(sealed.encode(), ttl=LINK_SECONDS)
            return Opened(Request(**json.loads(text)), self._box.extract_timestamp(sealed.encode()))
        except (InvalidToken, ValueError, TypeError):
            return None

    def open_address(self, redirect_to: str | None) -> Opened | None:
        """As ``open``, of an address that ``address`` made."""
        if redirect_to is None or not self.is_callback(redirect_to):
            return None
        return self.open(parse_qs(urlsplit(redirect_to).query).get("request", [""])[0])

    def is_callback(self, address: str) -> bool:
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}{parts.path}" == self._callback_url

    def mark(self, request: Request, secret: str) -> str:
        """For the metadata of an account made by this request: how its password came about, and in which browser.

        Bound to the address, so that nobody can put another account's on theirs.
        """
        told = f"{request.kind}:{request.id}:{challenge(secret, request.id)}"
        return f"{told}:{self._sign(told, request.email)}"

    def read_mark(self, mark: object, email: str) -> tuple[str, str, str] | None:
        """Kind, request's id and PKCE challenge; None for what is no mark of ours for this address."""
        told, _, signature = str(mark).rpartition(":")
        if told.count(":") != 2 or not hmac.compare_digest(self._sign(told, email).encode(), signature.encode()):
            return None
        kind, request_id, proof = told.split(":")
        return kind, request_id, proof

    def _sign(self, told: str, email: str | None) -> str:
        return _encode(hmac.digest(self._marks, f"{told}\n{email}".encode(), "sha256"))


def verifier(secret: str, request_id: str) -> str:
    """A browser's PKCE verifier (RFC 7636) for one of its requests; any number of them from one cookie."""
    return _encode(hmac.digest(secret.encode(), request_id.encode(), "sha256"))


def challenge(secret: str, request_id: str) -> str:
    """The verifier's S256 challenge."""
    return _encode(hashlib.sha256(verifier(secret, request_id).encode()).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
