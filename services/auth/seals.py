"""What AUTH_SECRET protects: codes and signing keys. Tokens of 32 random bytes need no secret to be hashed safely."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CODE_DIGITS = 6


class WrongSecret(Exception):
    """Something in the database was sealed with another AUTH_SECRET."""


def new_token() -> str:
    """32 random bytes in 43 characters that need no escaping in an address."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Seals:
    """Keys for each purpose, derived from the one secret."""

    def __init__(self, secret: str) -> None:
        self._codes = derive(secret, b"pulse codes")
        self._addresses = derive(secret, b"pulse addresses in logs")
        self._box = Fernet(base64.urlsafe_b64encode(derive(secret, b"pulse signing keys")))

    def hash_code(self, email: str, code: str) -> str:
        """Keyed, because a million codes are soon tried by whoever reads the table."""
        return hmac.digest(self._codes, f"{email}\n{code}".encode(), "sha256").hex()

    def name_address(self, email: str) -> str:
        """A stand-in for an address in logs: the same each time, nothing to those without the secret."""
        return hmac.digest(self._addresses, email.encode(), "sha256").hex()[:16]

    def seal(self, text: str) -> str:
        return self._box.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises WrongSecret."""
        try:
            return self._box.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise WrongSecret() from error


def derive(secret: str, purpose: bytes) -> bytes:
    """32 bytes that say nothing of the secret, nor of those for other purposes."""
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
