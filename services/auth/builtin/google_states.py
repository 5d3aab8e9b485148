"""What a browser takes along to Google and back: sealed, bound to that browser, good for ten minutes.

Nothing is stored meanwhile. The cookie ``pulse_browser`` holds one secret; the PKCE verifier and the nonce of each
request are derived from it, so a state is worth nothing in another browser. That it is good once, the database says.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from cryptography.fernet import Fernet, InvalidToken

from services.auth.provider import LinkExpired, OtherBrowser
from services.auth.seals import derive, new_token

STATE_SECONDS = 600


@dataclass(frozen=True)
class State:
    """``browser`` proves the browser without telling its secret; ``redirect_to`` is an address of our pages."""

    id: str
    browser: str
    redirect_to: str


class States:
    """``now`` in Unix seconds."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._box = Fernet(base64.urlsafe_b64encode(derive(secret, b"pulse states of google sign-ins")))
        self._now = now

    def make(self, redirect_to: str, browser_secret: str) -> tuple[State, str]:
        """A new one, and as it travels."""
        id = new_token()
        state = State(id, derive_for(browser_secret, "browser", id), redirect_to)
        return state, self._box.encrypt_at_time(json.dumps(asdict(state)).encode(), int(self._now())).decode()

    def open(self, sealed: str, browser_secret: str) -> State:
        """Raises OtherBrowser for what this browser did not ask for, LinkExpired for what is too old."""
        try:
            state = State(**json.loads(self._box.decrypt(sealed.encode())))
            made_at = self._box.extract_timestamp(sealed.encode())
        except InvalidToken as error:
            raise OtherBrowser() from error
        if not hmac.compare_digest(state.browser, derive_for(browser_secret, "browser", state.id)):
            raise OtherBrowser()
        if not -STATE_SECONDS < self._now() - made_at < STATE_SECONDS:
            raise LinkExpired()
        return state


def derive_for(browser_secret: str, purpose: str, state_id: str) -> str:
    """43 characters that say nothing of the secret: ``verifier`` (RFC 7636), ``nonce`` or ``browser`` of one state."""
    digest = hmac.digest(browser_secret.encode(), f"{purpose}:{state_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
