"""PKCE as GoTrue does it: a challenge with the request, a ``pkce_`` link, a code, the verifier.

supabase/auth, *internal/api/pkce.go*.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Response

from tests.standins.gotrue.core import Core, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.people import User, now
from tests.standins.gotrue.store import Flow

PREFIX = "pkce_"
CHALLENGE = re.compile(r"[a-zA-Z0-9._~-]+")
METHODS_OF_TYPES = {"signup": "email/signup", "magiclink": "magiclink", "recovery": "recovery", "invite": "invite"}


def read_challenge(body: dict[str, Any]) -> tuple[str, str] | None:
    """(challenge, method), checked."""
    challenge, method = text(body, "code_challenge"), text(body, "code_challenge_method")
    if bool(challenge) != bool(method):
        raise invalid("PKCE flow requires code_challenge_method and code_challenge")
    if not challenge:
        return None
    if not 43 <= len(challenge) <= 128:
        raise invalid("code challenge has to be between 43 and 128 characters")
    if not CHALLENGE.fullmatch(challenge):
        raise invalid(
            "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes"
        )
    return challenge, method.lower()


def issue_code(core: Core, user: User, method: str) -> str:
    """The code of this person's newest request of that kind."""
    flows = [flow for flow in core.store.flows if flow.user_id == user.id and flow.method == method]
    if not flows:
        raise GotrueError(400, "flow_state_not_found", "No associated flow state found. No valid flow state found.")
    flows[-1].code_issued_at = now()
    return flows[-1].code


def exchange(core: Core, body: dict[str, Any]) -> Response:
    code, verifier = text(body, "auth_code"), text(body, "code_verifier")
    if not code or not verifier:
        raise invalid("invalid request: both auth code and code verifier should be non-empty")
    flow = next((flow for flow in core.store.flows if flow.code == code and flow.user_id), None)
    if flow is None or flow.user_id is None:
        raise GotrueError(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
    if flow.is_expired():
        raise GotrueError(422, "flow_state_expired", "invalid flow state, flow state has expired")
    if not _fits(flow, verifier):
        raise GotrueError(400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
    core.store.flows.remove(flow)
    return core.start_session(core.store.users[flow.user_id], flow.method)


def with_code(url: str, code: str) -> str:
    parts = urlsplit(url)
    query = sorted({**dict(parse_qsl(parts.query)), "code": code}.items())
    return urlunsplit(parts._replace(query=urlencode(query)))


def _fits(flow: Flow, verifier: str) -> bool:
    if flow.challenge_method == "plain":
        return hmac.compare_digest(flow.challenge, verifier)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(flow.challenge, digest.decode())
